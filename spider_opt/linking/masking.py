"""What is left of a question without the words of its own database."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from spider_opt.linking.words import stem
from spider_opt.types import Question, Schema

MASK, UNKNOWN = "<mask>", "<unk>"
_PIECE = re.compile(
    r"""(?P<value>"[^"]+"|\u201c[^\u201d]+\u201d|\u2018[^\u2019]+\u2019|(?<!\w)'[^']+'(?!\w)
        |(?<!\w)[$€£]?\d[\w.,:/%-]*(?<![.,:]))
    |(?P<word>[^\W\d_]\w*)|(?P<end>[.?!:]+(?=\s|$))""",
    re.VERBOSE,
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_A-Za-z]+")
# Words that say what to do with a column. They are masked only before the next word of a name: "first name".
_KEEP = """
a all an and any are as at average be by count each fewest find first for from give greatest has have highest how in is
it largest last least less list longest lowest many max maximum min minimum more most not number of on one or order
other per shortest show smallest than that the their there to total what when where which who with
"""
_KEPT = frozenset(_KEEP.split())


def masked(question: Question) -> str:
    """Return the question with ``<mask>`` for words that name a table or column and ``<unk>`` for values.

    Values are numbers, quoted text, and words with a capital inside a sentence. Neighbours of a kind become one.
    Source: "masked question similarity" of DAIL-SQL (Gao et al. 2023, arXiv:2308.15363); its schema linking also
    looks at the cells of the database and at lemmas, this one at the schema and at plurals.

    >>> from spider_opt.types import Column, Table
    >>> schema = Schema("d", (Table("singer", (Column("song_name", "TEXT"), Column("age", "INT"))),))
    >>> masked(Question("q", "Which song names do singers from New York above 20 have?", schema))
    'Which <mask> do <mask> from <unk> above <unk> have?'
    """
    names = _names(question.schema)
    pieces = list(_PIECE.finditer(question.text))
    stems = [stem(piece[0]) for piece in pieces]
    out, end, starts = [], 0, True
    for i, piece in enumerate(pieces):
        text = piece[0]
        if piece.lastgroup == "value":
            text = UNKNOWN
        elif piece.lastgroup == "word" and (stems[i] in names or " ".join(stems[i : i + 2]) in names):
            text = MASK
        elif text[0].isupper() and not starts and text != "I":
            text = UNKNOWN
        out += [question.text[end : piece.start()], text]
        end, starts = piece.end(), piece.lastgroup == "end"
    whole = " ".join("".join([*out, question.text[end:]]).split())
    return re.sub(rf"({MASK}|{UNKNOWN})(?: \1)+", r"\1", whole)


@lru_cache(maxsize=512)
def _names(schema: Schema) -> frozenset[str]:
    """Return the stems of the words that name a table or column, and of each two that follow one another."""
    texts = [text for t in schema.tables for text in (t.name, t.words)]
    texts += [text for t in schema.tables for c in t.columns for text in (c.name, c.words)]
    found = set()
    for text in texts:
        words = [word.lower() for word in _WORD.findall(text)]
        found |= {stem(word) for word in words if word not in _KEPT}
        found |= {f"{stem(one)} {stem(two)}" for one, two in pairwise(words)}
    return frozenset(found)
