"""What is no SQL by its shape: lines behind a query in any language, told from a query that goes on wrongly."""

from __future__ import annotations

import re
from collections.abc import Iterable

_STARTING = (
    "AND AS BETWEEN CROSS ELSE END EXCEPT FROM FULL GROUP HAVING IN INNER INTERSECT IS JOIN LEFT LIKE LIMIT NATURAL"
    " NOT OFFSET ON OR ORDER OUTER RIGHT THEN UNION USING WHEN WHERE WINDOW"
)
_WITHIN = "ALL ASC BY CASE DESC DISTINCT EXISTS NULL OVER SET VALUES"
_STATEMENTS = "SELECT WITH INSERT UPDATE DELETE REPLACE CREATE DROP ALTER PRAGMA EXPLAIN ATTACH VACUUM"
_STARTS = frozenset(_STARTING.split())
CLAUSES = _STARTS.union(_WITHIN.split())
"""Words of queries, of which ``_STARTS`` are those with which one of their lines begins."""
_GOING_ON = CLAUSES - {"OVER"}
STATEMENTS = frozenset(_STATEMENTS.split())
_N_WORDS, _FAR = 3, 5_000
_FIRST_WORD = re.compile(r"\s*([^\W\d]\w*)")
_WORD = re.compile(r"[^\W\d][\w'’-]*")
_LABEL = re.compile(r"[\W_]{0,9}[^\W\d][\w '’()/-]{0,40}?[*_` ]{0,4}[:：](?!:|\w)")
_SIGN = re.compile(
    r"#|>|\||[-*+•]\s|\d+[.)]\s|\d+\s+[^\W\d]+\b|=>|→|[—–]|//|\([^\W\d]\w* [^\W\d]\w* \w|<[a-z/]|[\[{'\"]"
)
_ONLY_SIGNS = re.compile(r"[^\w\s()]+\s*\Z")
_SENTENCE = re.compile(r"[^\W\d][\w '’,-]*[.!?…:](?:\s|\Z)")
_SQL_SIGN = re.compile(r"[=<>]|\w\(|[^\W\d]\w*\.\w|,\s*\w+\s*(?:,|\n|\Z)")
_GOES_ON = re.compile(r"\((?!\s*\d+\s*\)).*\)|[<>!]=|<>|\|\||==?(?!=)", re.DOTALL)
_QUERY_IN_BRACKETS = re.compile(
    r"(?:(?<![\w.])[\w.]++\s*[<>!=]{1,2}\s*)?\(\s*(?:SELECT|WITH)\b(?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*+\))*+\))*+\))*+\)",
    re.IGNORECASE,
)
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")


class Style:
    """How a query spells its keywords: in capitals, small letters, or both. What does otherwise is prose."""

    def __init__(self, words: Iterable[str]) -> None:
        keywords = [word for word in words if word.upper() in CLAUSES or word.upper() in STATEMENTS]
        self._cases = {_case(word) for word in keywords}

    def keyword(self, word: str, among: frozenset[str] = CLAUSES) -> bool:
        """Whether a word is one of these keywords and spelled as the query spells them."""
        return word.upper() in among and _case(word) in self._cases

    def goes_on(self, taken: str) -> bool:
        """Whether the beginning of a line, as far as SQLite takes it, is SQL's and no word read as a name."""
        first = _FIRST_WORD.match(taken)
        return bool(_GOES_ON.match(taken)) or (first is not None and self.keyword(first[1], _GOING_ON))

    def other_than_sql(self, rest: str) -> bool:
        """Whether lines at which SQLite stops do not belong to the query before them."""
        first = _FIRST_WORD.match(rest)
        if first and self.keyword(first[1], STATEMENTS):
            return True
        line, paragraph = rest.lstrip().split("\n", 1)[0], _BLANK_LINE.split(rest.lstrip(), maxsplit=1)[0]
        if first and self.keyword(first[1], _STARTS):
            return False
        if self._prose(line) or self._speaks_of_a_query(paragraph):
            return True
        return not _SQL_SIGN.search(paragraph) and not any(self.keyword(w) for w in _WORD.findall(paragraph))

    def sentence(self, rest: str, *, short: bool = False) -> bool:
        """Whether what stands behind a query on its own line is words about it, and not a part of it that is wrong.

        Of a ``short`` one all words are prose's, and a full stop ends it.
        """
        line = rest.lstrip().split("\n", 1)[0]
        if short and (_SQL_SIGN.search(line) or any(self.keyword(word) for word in _WORD.findall(line))):
            return False
        if _ONLY_SIGNS.match(line):
            return True
        words = line.lstrip(".,;!—–→-( ")
        if words != line and line[0] in ".!—–→-(" and self._n_words(words) >= 2:
            return True
        first = _FIRST_WORD.match(words)
        if first is None or self.keyword(first[1]):
            return False
        n = self._n_words(words)
        if n >= 2 and _SENTENCE.match(words):
            return True
        return not short and (n > _N_WORDS or (n >= 1 and not words[0].isascii()))

    def _speaks_of_a_query(self, paragraph: str) -> bool:
        """Whether lines are prose but for queries in brackets, with what these are compared with."""
        without = _QUERY_IN_BRACKETS.sub("it", paragraph[:_FAR])
        return without != paragraph[:_FAR] and self._prose(without.split("\n", 1)[0])

    def _prose(self, line: str) -> bool:
        if _LABEL.match(line) or _SIGN.match(line) or self._n_words(line) >= _N_WORDS or _SENTENCE.match(line):
            return True
        return bool(line) and not line[0].isascii() and self._n_words(line) >= 2

    def _n_words(self, line: str) -> int:
        """Return how many words stand side by side at a line's beginning, with nothing of SQL among them."""
        n = 0
        for word in line.split(maxsplit=12)[:12]:
            bare = word.rstrip(".,!?…:;")
            if not _WORD.fullmatch(bare) or self.keyword(bare):
                break
            n += 1
            if bare != word:
                break
        return n


def _case(word: str) -> str:
    return "upper" if word.isupper() else "lower" if word.islower() else "title"
