"""Where a query ends: at what no query has, or where SQLite stops and the rest is not SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from spider_opt.sql.extract.characters import plain
from spider_opt.sql.extract.marks import END_TOKEN
from spider_opt.sql.extract.parser import MAX_CHARS, Parser, Says
from spider_opt.sql.extract.prose import CLAUSES, Style
from spider_opt.sql.lexer import Token, outside_quotes, tokens

_HARD = r"```|</[A-Za-z][\w:-]*\s*>|<[|｜][^|｜\s<>]|◁|\[/[A-Za-z]"
# What ends a query, before what protects: a string, a name in quotes, a comment, which are the lexer's.
_SCAN = re.compile(
    rf"""[ \t,(.](?:`{{3}}(?!`)[^`\n]+`{{3,4}}|````)(?!`)
    |(?P<stop>{_HARD}|\n~~~|[;；。\u2600-\u27bf\U0001f300-\U0001faff])
    |(?P<tag><[A-Za-z][\w:-]*>)
    |(?P<token>{END_TOKEN})
    |(?P<wide>[，、：！？])
    |'[^']*+(?:''[^']*+)*+'?|"[^"]*+(?:""[^"]*+)*+"?|`[^`]*+(?:``[^`]*+)*+`?|\[[^\]]*+\]?
    |--[^\n]*+|/\*(?!\Z)(?:[^*]|\*(?!/))*+(?:\*/)?""",
    re.VERBOSE,
)
_MARK = re.compile(_HARD)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_HAS_SQL = re.compile(r"\b(?:FROM|WHERE|GROUP|ORDER|HAVING|LIMIT|UNION|SELECT|AND|OR|JOIN)\b", re.IGNORECASE)
_NEXT_TURN = "[INST]"
_TRAILING = ".!?:…*_\"'` \n"
_NUMBER_THEN_WORDS = re.compile(r"[0-9]+(?:\.[0-9]+)?(?=[^\x00-\x7f])")
_FULL_STOP = re.compile(r"(?<=[0-9])\.\Z")
# No database has such a schema: "FROM boat. It lists the boats".
_FROM_A_SENTENCE = re.compile(r"\b(?:FROM|JOIN)\s+((?!main\b|temp\b)\w+)\.\s", re.IGNORECASE)
_MAX_SIGNS, _MAX_LINES, _MAX_LINES_BEHIND, _FAR, _NEAR = 8, 12, 200, 1000, 2000


class Body(NamedTuple):
    """The text of a query, where it ends in the text it was read from, and what SQLite says of it.

    ``in_line`` is whether words behind it on its own line were cut off.
    """

    sql: str
    end: int
    says: Says
    in_line: bool = False


def body_at(text: str, start: int, parser: Parser, *, in_sentence: bool = False) -> Body:
    """Return what begins at ``start`` as a query does; ``in_sentence`` is whether words stand before it."""
    end, tags = scan(text, start, parser, _NEAR)
    if end == start + _NEAR:
        near = plain(text[start:end]).strip()
        kept, in_line, says = _until_wrong(near, parser) if parser.says(near) is Says.WRONG else (near, False, None)
        if says is Says.WHOLE or len(kept) < len(near):
            return Body(kept, _place(text, start, end, kept), says or Says.WRONG, in_line)
        end, tags = scan(text, start, parser)
    sql = plain(text[start:end]).strip()
    says = parser.says(sql)
    if (says is Says.WHOLE or sql.endswith(_NEXT_TURN)) and (before := _before_no_name(sql, parser)):
        return Body(before, end, Says.WHOLE)
    if says is Says.WHOLE and (sentence := _before_a_sentence(sql, parser)):
        return Body(sentence, _place(text, start, end, sentence), Says.WHOLE, in_line=True)
    if says is Says.WHOLE and text[end : end + 1] == "。" and (word := _unused_alias(sql, tokens(sql), parser)):
        sql = sql if word.text.isascii() else sql[: word.start].rstrip()
    if says in (Says.WHOLE, Says.NOT_ASKED):
        return Body(_FULL_STOP.sub("", sql) if in_sentence else sql, end, says)
    if "<" in sql:
        in_lines = outside_quotes(sql, lambda piece: _BREAK.sub("\n", piece))
        if in_lines != sql and parser.says(in_lines) is Says.WHOLE:
            return Body(in_lines, end, Says.WHOLE)
        for tag in tags:
            before = plain(text[start:tag]).strip()
            if parser.says(before) is Says.WHOLE:
                return Body(before, tag, Says.WHOLE)
    if says is Says.BEGUN:
        bare = next((bare for bare in _without_signs(sql) if parser.says(bare) is Says.WHOLE), "")
        return Body(bare, end, Says.WHOLE) if bare else Body(sql, end, says)
    kept, in_line, says = _until_wrong(sql, parser)
    if says is Says.WRONG and (mark := _MARK.search(text, start, end)):  # in a string that is not closed
        end = mark.start()
        sql = plain(text[start:end]).strip()
        kept, in_line, says = _until_wrong(sql, parser)
    if len(kept) < len(sql):
        end = _place(text, start, end, kept)
    return Body(kept, end, says, in_line)


def _without_signs(sql: str) -> Iterator[str]:
    """Yield a text without the last of its signs, without the last two, and so on."""
    for n in range(len(sql) - 1, max(len(sql) - _MAX_SIGNS, len(sql.rstrip(_TRAILING))) - 1, -1):
        if not sql[n - 1 : n].isspace():
            yield sql[:n]


def _before_a_sentence(sql: str, parser: Parser) -> str:
    """Return a query that ends with a table's name, a full stop and the beginning of a sentence, or ''."""
    found = _FROM_A_SENTENCE.search(sql)
    before = sql[: found.end(1)] if found else ""
    if not before or parser.says(before) is not Says.WHOLE:
        return ""
    *_, last = tokens(before)
    return before if last.kind == "word" else ""


def _before_no_name(sql: str, parser: Parser) -> str:
    """Return a query before what SQLite takes for a name, and nobody meant so, or ''.

    That is a last line of letters of another script, or the sign with which a user's next words begin.
    """
    before, _, last = sql.rpartition("\n")
    foreign = any(map(str.isalpha, last)) and not any(c.isascii() and not c.isspace() for c in last)
    if sql.endswith(_NEXT_TURN):
        before, foreign = sql.removesuffix(_NEXT_TURN), True
    return before.rstrip() if foreign and parser.says(before) is Says.WHOLE else ""


def scan(text: str, start: int, parser: Parser, limit: int = 20 * MAX_CHARS) -> tuple[int, list[int]]:
    """Return where what is in no query follows, quotes and comments respected, and where tags stand before that."""
    tags: list[int] = []
    n_wide = n_tokens = 0
    end = limit = min(len(text), start + limit)
    for found in _SCAN.finditer(text, start, limit):
        if found["wide"] and n_wide < _MAX_SIGNS:
            n_wide += 1
            words = _before_words(text, start, found.start(), parser)
            if words is not None:
                end = words
                break
        elif found["token"] and n_tokens < _MAX_SIGNS:
            n_tokens += 1
            if _ends_turn(text, start, found, parser):
                end = found.start()
                break
        elif found["tag"] and len(tags) < _MAX_SIGNS:
            tags.append(found.start())
        elif found["stop"]:
            end = found.start()
            break
    parser.count(end - start)
    return end, tags


def _ends_turn(text: str, start: int, found: re.Match[str], parser: Parser) -> bool:
    """Whether a word in brackets is no name: a query ends before it, which SQLite does not take further with it."""
    before, token = plain(text[start : found.start()]).strip(), found[0]
    if token in before or parser.says(before) is not Says.WHOLE:
        return False
    following = next((t for t in tokens(text[found.end() : found.end() + _FAR]) if not t.says_nothing), None)
    if following is None or following.text in ("`", ";") or following.kind == "illegal":
        return True
    return parser.says(f"{before} {token} {following.text}") is Says.WRONG


def _before_words(text: str, start: int, at: int, parser: Parser) -> int | None:
    """Return where the words of a language with full-width signs begin, None where such a sign was meant as SQL's."""
    line = max(text.rfind("\n", start, at) + 1, start)
    before, behind = text[line:at], text[at + 1 : at + _FAR].split("\n", 1)[0]
    if line > start and not any(c.isascii() and c.isalpha() for c in before):
        return line
    if _HAS_SQL.search(behind) or not any(not c.isascii() and c.isalpha() for c in behind):
        return None
    return at if parser.says(plain(text[start:at]).strip()) is Says.WHOLE else None


def _place(text: str, start: int, end: int, kept: str) -> int:
    """Return about where ``kept``, of which characters may have been changed, ends in ``text``."""
    while start < end and text[start].isspace():
        start += 1
    return min(start + len(kept), end)


def _until_wrong(sql: str, parser: Parser) -> tuple[str, bool, Says]:
    """Return ``sql`` up to the words behind it, whether these begin in its last line, and what SQLite says of it."""
    pieces: list[Token] = []
    more = tokens(sql)

    def end_of(n: int) -> int | None:
        while len(pieces) < n:
            piece = next(more, None)
            if piece is None:
                return None
            pieces.append(piece)
        return pieces[n - 1].end if n else 0

    n = parser.first_wrong(end_of, sql)
    if end_of(n + 1) is None:
        return sql, False, parser.says(sql)
    if sentence := _before_a_sentence(sql[: pieces[n].end], parser):
        return sentence, True, Says.WHOLE
    style = Style(piece.text for piece in pieces[:n] if piece.kind == "word")
    lines = [piece for piece in pieces[:n] if piece.kind == "space" and "\n" in piece.text]
    for space in reversed(lines[-_MAX_LINES:]):
        if parser.says(sql[: space.start]) is Says.WHOLE:
            if not style.goes_on(sql[space.end : pieces[n].start]) and style.other_than_sql(sql[space.end :]):
                return sql[: space.start].rstrip(), False, Says.WHOLE
            begins_a_line = space.end == pieces[n].start
            break
    else:
        begins_a_line = False
    kept = None if begins_a_line else _in_its_line(sql, pieces[: n + 1], style, parser)
    if kept is not None:
        return kept, True, Says.WHOLE
    return _to_the_next_words(sql, pieces[n].end, style), False, Says.WRONG


def _in_its_line(sql: str, pieces: list[Token], style: Style, parser: Parser) -> str | None:
    """Return the query before a sentence about it on the same line, None where it is none; ``pieces[-1]`` is wrong."""
    *before, wrong = pieces
    digits = _NUMBER_THEN_WORDS.match(wrong.text)
    at = wrong.start + (digits.end() if digits else 0)
    if parser.says(sql[:at]) is not Says.WHOLE:
        return None
    alias = None if digits else _unused_alias(sql, before, parser)
    if not style.sentence(sql[at:]) and not (alias and style.sentence(sql[alias.start :], short=True)):
        return None
    return _FULL_STOP.sub("", sql[: alias.start if alias else at].rstrip())


def _unused_alias(sql: str, pieces: Iterable[Token], parser: Parser) -> Token | None:
    """Return the word behind a query that is read as a name for what stands before it, though nothing is called so."""
    said = [piece for piece in pieces if not piece.says_nothing]
    if len(said) < 3 or said[-1].kind != "word" or said[-1].text.upper() in CLAUSES:
        return None
    if said[-2].kind not in ("word", "name", "string", "number") and said[-2].text != ")":
        return None
    alias = said[-1].text.lower()
    used = any(piece.text.lower() == alias for piece in said[:-1])
    return None if used or parser.says(sql[: said[-1].start].rstrip()) is not Says.WHOLE else said[-1]


def _to_the_next_words(sql: str, at: int, style: Style) -> str:
    """Return a wrong query up to a paragraph that does not go on with it, or to a line that begins another."""
    for found in islice(re.finditer(r"\n\s*", sql[at:]), _MAX_LINES_BEHIND):
        end = at + found.start()
        rest = sql[at + found.end() : at + found.end() + _FAR]
        before = sql[max(end - _FAR, 0) : end].split()[-1:]
        first = rest.split(maxsplit=1)[:1]
        if first and style.keyword(first[0], frozenset(("SELECT", "WITH"))):
            if before and (before[0].endswith(("(", ",")) or style.keyword(before[0])):
                continue
        elif found[0].count("\n") == 1 or not style.other_than_sql(rest):
            continue
        return sql[:end].rstrip()
    return sql
