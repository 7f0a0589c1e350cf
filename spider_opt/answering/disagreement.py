"""Where an answer's candidates disagree: each group with its query and the first rows of its result, for who judges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf

from spider_opt.answering.choosing import Ballot, Votes
from spider_opt.errors import QueryError
from spider_opt.types import Candidate, Database, Question, Value

MAX_ROWS, MAX_COLUMNS, MAX_TEXT = 5, 12, 60
"""What is shown of a result: so many rows and columns, and of each text so many characters."""


@dataclass(frozen=True, slots=True)
class Group:
    """Candidates of one result: the ``sql`` of the ``number``-th stands for them.

    ``rows`` are the first of ``n_rows``, cut in width; ``failed`` says why the query does not run any more.
    ``likelihood`` is the mean of its samples' log probabilities, the least of all where they are not known.
    """

    number: int
    sql: str
    votes: Fraction | float
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Value, ...], ...] = ()
    n_rows: int = 0
    failed: str = ""
    likelihood: float = -inf


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A question whose candidates have at least two results; the groups in the order in which they first came."""

    question: Question
    groups: tuple[Group, ...]


def disagrees(candidates: Sequence[Candidate]) -> bool:
    """Tell whether candidates that ran have different results."""
    ballot = _counted(candidates)
    return len(ballot.groups(ballot.ran)) > 1


def disagreements(
    answers: Iterable[tuple[Question, Sequence[Candidate]]],
    databases: Mapping[str, Database],
    *,
    max_rows: int = MAX_ROWS,
) -> Iterator[Disagreement]:
    """Yield the questions whose candidates disagree, with what each group's query gives, one question after the other.

    ``answers`` are questions with the candidates that their answers were chosen from (``answering.candidates.own``).
    The queries are run on ``databases``, which are to be sandboxes; each once.
    """
    for question, candidates in answers:
        if disagrees(candidates):
            yield Disagreement(question, groups(candidates, databases[question.db_id], max_rows=max_rows))


def groups(
    candidates: Sequence[Candidate], database: Database, *, votes: Votes | None = None, max_rows: int = MAX_ROWS
) -> tuple[Group, ...]:
    """Return the groups of the candidates that ran, each with the first rows of its result.

    Each candidate has as many ``votes`` as there are samples of it, where nobody says otherwise.
    """
    ballot = _counted(candidates, votes)
    found = ballot.groups(ballot.ran)
    usual = [(ballot.usual(group), ballot.size(group), ballot.likelihood(group)) for group in found]
    return tuple(
        replace(_shown(i, votes, candidates[i].sql, database, max_rows), likelihood=likelihood)
        for i, votes, likelihood in usual
    )


def zeros(candidates: Sequence[Candidate], database: Database) -> frozenset[str]:
    """Return the digests of the results that hold nothing but zeros and NULLs, of candidates that gave rows."""
    one_of_each = {candidate.digest: candidate.sql for candidate in candidates if candidate.outcome == "rows"}
    return frozenset(digest for digest, sql in one_of_each.items() if _is_zero(sql, database))


def _counted(candidates: Sequence[Candidate], votes: Votes | None = None) -> Ballot:
    return Ballot(candidates, [Fraction(one.n) for one in candidates] if votes is None else votes)


def _is_zero(sql: str, database: Database) -> bool:
    try:
        return all(cell is None or (isinstance(cell, int | float) and cell == 0)
                   for row in database.run(sql).rows for cell in row)  # fmt: skip
    except QueryError:
        return False


def _shown(number: int, votes: Fraction | float, sql: str, database: Database, max_rows: int) -> Group:
    try:
        result = database.run(sql)
    except QueryError as error:
        return Group(number, sql, votes, failed=str(error))
    rows = tuple(tuple(_cut(cell) for cell in row[:MAX_COLUMNS]) for row in result.rows[:max_rows])
    return Group(number, sql, votes, result.columns[:MAX_COLUMNS], rows, len(result.rows))


def _cut(cell: Value) -> Value:
    if isinstance(cell, str) and len(cell) > MAX_TEXT:
        return f"{cell[: MAX_TEXT - 1]}…"
    return cell[:MAX_TEXT] if isinstance(cell, bytes) else cell
