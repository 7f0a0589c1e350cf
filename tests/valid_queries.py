"""Queries that SQLite takes, with whatever trouble their white space, comments, names and strings may make."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import strategies as st

SPACES = [
    " ", " ", " ", " ", "  ", "\n", "\n", "\n\n", "\n \n\t", "\t", "\r\n", " -- only these; SELECT 1\n",
    "\n\n-- it's so\n\n",
    " /* SELECT; ' */ ",
]  # fmt: skip
NAMES = [
    "a", "title", "größe", "名前", "таблица", '"a b"', '"the ""x"" ; y"', "[c d]", "`e``f`", "`g h`", "note", "result",
    "answer", "explanation", "this_query", "thinking", '"</think>"', "[THINK]", '"```"', "T1", "x1", "_y",
]  # fmt: skip
TEXTS = [
    "x", "it''s", "a; b", "SELECT 1", "-- no", "/* no */", "```", "```sql", "</think>", "<think>", "</s>",
    "<|im_end|>", "；",
    "“x”", "&gt;", "R&amp;D", "Corrected: SELECT 2", '{"sql": "SELECT 1"}', '"quoted"', "**", "a\u200bb", "",
    "\\n", "100%",
    "[/THINK]", "Zürich", "答案", "a\n\nb", "# 1. x", "Question: why?", "<sql>", "</sql>", "`", "()", "\\",
    "\n\nThis is a test",
]  # fmt: skip
NUMBERS = ["1", "2.5", "1e3", "0x1F", ".5", "-7"]
_TIGHT = (".", "(", ")", ",")


class _Writer:
    """Writes one query; ``words`` is how it spells keywords."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._lower = random.random() < 0.3

    def query(self, depth: int) -> list[str]:
        """Return the pieces of a query, in which no more than ``depth`` others nest."""
        kind = self._random.randrange(9)
        if kind == 0:
            return [*self._words("SELECT"), self._number(), *self._words("UNION ALL SELECT"), self._text()]
        if kind == 1:
            return [*self._core(depth - 1), *self._words("EXCEPT"), *self._core(0)]
        if kind == 2 and depth > 0:
            columns = self._random.choice([[], ["(", "n", ")"]])
            head = self._words(self._random.choice(["WITH", "WITH RECURSIVE"]))
            return [*head, "q1", *columns, *self._words("AS"), "(", *self.query(depth - 1), ")", *self._core(depth - 1)]
        if kind == 3:
            return [*self._words("VALUES"), "(", self._number(), ",", self._text(), ")"]
        order = [*self._words("ORDER BY"), self._name(), *self._words("DESC LIMIT"), "3"]
        return [*self._core(depth), *self._random.choice([[], order])]

    def _core(self, depth: int) -> list[str]:
        name, words = self._name, self._words
        outputs = self._random.choice(
            [["*"], self._value(depth), [name(), *words("AS"), name(), ",", *self._value(depth)]]
        )
        source = [name()]
        kind = self._random.randrange(4)
        if kind == 1:
            source += [*words("AS"), name()]
        elif kind == 2:
            source += [*words("JOIN"), name(), *words("ON"), name(), ".", name(), "=", name()]
        elif kind == 3 and depth > 0:
            source = ["(", *self.query(depth - 1), ")", *words("AS"), name()]
        tail: list[str] = []
        if self._random.random() < 0.7:
            tail = [*words("WHERE"), *self._condition(depth)]
            if self._random.random() < 0.3:
                tail += [*words("AND"), *self._condition(depth)]
        elif self._random.random() < 0.5:
            tail = [*words("GROUP BY"), name(), *words("HAVING"), *self._condition(depth)]
        return [*words("SELECT"), *outputs, *words("FROM"), *source, *tail]

    def _condition(self, depth: int) -> list[str]:
        name, words = self._name, self._words
        kind = self._random.randrange(6)
        if kind == 0 and depth > 0:
            return [name(), *words("IN"), "(", *self.query(depth - 1), ")"]
        if kind == 1:
            return [name(), *words("BETWEEN"), self._number(), *words("AND"), self._number()]
        if kind == 2:
            return [name(), *words("NOT LIKE"), self._text()]
        if kind == 3:
            return [name(), *words("IS NOT NULL OR"), name(), "=", self._text()]
        sign = self._random.choice(["=", "<", ">", "<>", "<=", ">="])
        return [*self._value(depth), sign, *self._value(depth)]

    def _value(self, depth: int) -> list[str]:
        plain = self._random.choice([self._name, self._text, self._number])
        kind = self._random.randrange(8)
        if kind == 0 and depth > 0:
            return ["(", *self.query(depth - 1), ")"]
        case = [*self._words("CASE WHEN"), self._name(), *self._words("THEN"), self._number()]
        case += [*self._words("ELSE"), self._text(), *self._words("END")]
        return {
            1: [self._name(), ".", self._name()],
            2: ["count", "(", "*", ")"],
            3: ["max", "(", self._name(), ")"],
            4: case,
            5: [plain(), self._random.choice(["||", "+", "*", "%"]), plain()],
        }.get(kind, [plain()])

    def _words(self, words: str) -> list[str]:
        return (words.lower() if self._lower else words).split()

    def _name(self) -> str:
        return self._random.choice(NAMES)

    def _number(self) -> str:
        return self._random.choice(NUMBERS)

    def _text(self) -> str:
        return f"'{self._random.choice(TEXTS)}'"


def valid_query(seed: int) -> str:
    """Return a query that SQLite takes."""
    random = Random(seed)
    pieces = _Writer(random).query(2)
    spaces = [" "] if random.random() < 0.3 else SPACES
    written = pieces[0]
    for before, piece in pairwise(pieces):
        tight = (piece in _TIGHT or before in _TIGHT) and random.random() < 0.7
        written += ("" if tight else " " if "." in (before, piece) else random.choice(spaces)) + piece
    return written


queries = st.integers(0, 2**32).map(valid_query)
