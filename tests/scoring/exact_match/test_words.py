"""Queries cut into words, as NLTK does it: what was measured there."""

from __future__ import annotations

import pytest

from spider_opt.scoring.exact_match.words import Unreadable, words


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        ("SELECT count(*) FROM t;", ["select", "count", "(", "*", ")", "from", "t", ";"]),
        ("a=5 b= 5 c =5 d = 5", ["a=5", "b=", "5", "c", "=5", "d", "=", "5"]),
        ("a>5 a> 5 a<=5 a >=5", ["a", ">", "5", "a", ">", "5", "a", "<", "=5", "a", ">", "=5"]),
        ("a != 5 ! = 6 <> 7 > = 8 < = 9", ["a", "!=", "5", "!=", "6", "<", ">", "7", ">=", "8", "<=", "9"]),
        ("= = > = =", ["=", "=", ">=", "="]),
        ("a,b, c ,1,2", ["a", ",", "b", ",", "c", ",1,2"]),
        ("a,,b", ["a", ",", ",b"]),
        ("t.a T.B 2.5 .5 5.", ["t.a", "t.b", "2.5", ".5", "5", "."]),
        ("t1.* t.* t . a", ["t1", ".", "*", "t.", "*", "t", ".", "a"]),
        ("a*b a+b a-b a--b a/b", ["a", "*", "b", "a+b", "a-b", "a", "--", "b", "a/b"]),
        ("a = 'It is.' AND b = \"X y\"", ["a", "=", '"It is."', "and", "b", "=", '"X y"']),
        ("a='x' 'y''z'", ["a=__val_2_4__", "__val_6_8____val_9_11__"]),
        ("''", ['""']),
        ("`a b` ```", ["`", "a", "b", "`", "``", "`"]),
        ("[a b] {c}", ["[", "a", "b", "]", "{", "c", "}"]),
        ("a DESC. This is it.", ["a", "desc", ".", "this", "is", "it", "."]),
        ("x > 5. and y", ["x", ">", "5.", "and", "y"]),
        ("x > 5. AND y", ["x", ">", "5", ".", "and", "y"]),
        ("(1.) (1.).", ["(", "1", ".", ")", "(", "1", ".", ")", "."]),
        ("a... b", ["a", "...", "b"]),
        ("a.; name.;", ["a.", ";", "name", ".", ";"]),
        ("5.;", ["5.", ";"]),
        ("Really? Yes! no", ["really", "?", "yes", "!", "no"]),
        ("cannot gimme x.cannot wanna", ["can", "not", "gim", "me", "x.", "can", "not", "wan", "na"]),
        ("\u201ca\u201d \u2018b\u2019", ["\u201c", "a", "\u201d", "\u2018", "b", "\u2019"]),
        ("c\u2014d \u00abe\u00bb", ["c", "\u2014", "d", "\u00ab", "e", "\u00bb"]),
        ("É ß İ 日本", ["é", "ß", "i̇", "日本"]),
        ("a\tb\nc\u00a0d\u200be", ["a", "b", "c", "d\u200be"]),
        ("a:b :c @d #e $f %g &h", ["a", ":", "b", ":", "c", "@", "d", "#", "e", "$", "f", "%", "g", "&", "h"]),
    ],
)
def test_words(sql, expected):
    assert words(sql) == expected


@pytest.mark.parametrize("sql", ["'", '"it\'s"', "name = 'x", 'a "b" c"'])
def test_a_quote_that_is_not_closed(sql):
    with pytest.raises(Unreadable, match="a quote is not closed"):
        words(sql)
