"""BIRD's own numbers, as the scripts of its mini-dev have them: EX by sets of rows, and the soft F1 of them.

Nothing is cleaned up: both queries run as they stand, one after the other, and what fails, the gold too, is no match.
Rows are compared as Python does it: ``1`` is ``1.0``, ``'1'`` is not, NULL is NULL.

Source: bird-bench/mini_dev, evaluation_ex.py (commit 47f116d), evaluation_f1.py (commit 2932a2b) and
evaluation_utils.py (commit 21eb984).
"""

from __future__ import annotations

from collections.abc import Sequence

from spider_opt.errors import GoldError, GoldTimeout, NotAQuery, QueryError, QueryFailed, QueryTimeout
from spider_opt.scoring.protocols import ScoredDatabase
from spider_opt.sql.lexer import tokens
from spider_opt.types import Outcome, Result, Value, Verdict

Row = tuple[Value, ...]
_MAX_LOOKED_AT = 10_000
"""Characters of a text that may be without a statement."""


def bird(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Judge as BIRD's EX does: the sets of both results' rows are equal; a gold that fails is a wrong answer.

    Neither the order of rows nor how often they come counts; order and number of columns do. Two results without rows
    are equal. The time is for both queries together.
    """
    try:
        wanted, found = both(gold, prediction, database)
    except QueryError as error:
        return Verdict(error.outcome, str(error))
    return compared(wanted, found, prediction)


def bird_f1(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Give BIRD's soft F1, which is 0 where a query fails; right or wrong is what ``bird`` says.

    The later version, which pairs rows in the order in which they come; the earlier one paired them in the order of a
    set of Python's, which nobody can repeat.
    """
    try:
        wanted, found = both(gold, prediction, database)
    except QueryError as error:
        return Verdict(error.outcome, str(error), 0.0)
    verdict = compared(wanted, found, prediction)
    return Verdict(verdict.outcome, verdict.detail, soft_f1(wanted, found))


def both(gold: str, prediction: str, database: ScoredDatabase) -> tuple[list[Row], list[Row]]:
    """Return the different rows of gold and of a prediction, each in the order in which they come first.

    What is not a query, or reads what the database is guarded from, runs before gold on one copy, as the scripts run it
    on the database itself.

    Raises:
        QueryError: one of them fails, has text that is no UTF-8, or both take too long together.
    """
    try:
        wanted = _gold(gold, database)
        left_s = max(0.0, database.timeout_s - wanted.seconds)
        nothing = says_nothing(prediction)
        found = Result((), []) if nothing else database.run(prediction, distinct=True, within_s=left_s)
    except QueryTimeout:
        raise QueryTimeout(f"no answer to both queries within {database.timeout_s:g} s") from None
    except NotAQuery:
        found, wanted = database.run_in_order((prediction, gold))
    return _sound(wanted), _sound(found, "the answer's rows")


def says_nothing(sql: str) -> bool:
    """Tell whether a text has no statement: SQLite runs it, and there are no rows.

    >>> says_nothing("  "), says_nothing("-- nothing"), says_nothing(";")
    (True, True, False)
    """
    return not sql.strip(" \t\n\f\r") or (
        len(sql) <= _MAX_LOOKED_AT and all(token.says_nothing for token in tokens(sql))
    )


def compared(wanted: Sequence[Row], found: Sequence[Row], prediction: str) -> Verdict:
    """Say whether two results have the same set of rows, of which each is given once."""
    same = set(wanted) & set(found)
    if len(same) == len(wanted) == len(found):
        return Verdict(Outcome.CORRECT, f"the same {_rows(len(wanted))}")
    if says_nothing(prediction):
        return Verdict(Outcome.NO_SQL, "no SQL in the answer")
    return Verdict(
        Outcome.WRONG_ROWS, f"{len(same)} of gold's {_rows(len(wanted))}, and {len(found) - len(same)} that it has not"
    )


def soft_f1(wanted: Sequence[Row], found: Sequence[Row]) -> float:
    """Return the soft F1 of two results, of which each row is given once, in order.

    Rows are paired by rank. A cell matches where it stands anywhere in the other row, and all three counts of a pair
    are divided by the width of gold's row; a row without a partner counts as one missing or one too many.

    >>> soft_f1([(1, "a"), (2, "b")], [("a", 1), (2, "c")])
    0.75
    """
    if not wanted and not found:
        return 1.0
    both_have: list[float] = []
    too_many: list[float] = []
    missing: list[float] = []
    for gold_row, row in zip(wanted, found, strict=False):
        width = len(gold_row)
        n_same = sum(cell in gold_row for cell in row)
        both_have.append(n_same / width)
        too_many.append((len(row) - n_same) / width)
        missing.append(sum(cell not in row for cell in gold_row) / width)
    # Added up row by row, as the script does: the last digits depend on it.
    tp, fp = sum(both_have), sum([*too_many, *[1.0] * (len(found) - len(wanted))])
    fn = sum([*missing, *[1.0] * (len(wanted) - len(found))])
    precision = tp / (tp + fp) if tp + fp > 0 else 0.0
    recall = tp / (tp + fn) if tp + fn > 0 else 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def _gold(gold: str, database: ScoredDatabase) -> Result:
    """Return what a gold gives; here one that fails counts as a wrong answer.

    Raises:
        QueryError: it fails; NotAQuery where it does more than read.
    """
    try:
        return database.gold(gold)
    except GoldError as error:
        if isinstance(error.__cause__, NotAQuery):
            raise error.__cause__ from None
        if isinstance(error, GoldTimeout):
            raise QueryTimeout(str(error)) from None
        raise QueryFailed(str(error)) from None


def _sound(result: Result, whose: str = "gold's rows") -> list[Row]:
    """Return each row once.

    Raises:
        QueryFailed: there is text in them that is no UTF-8, at which Python's sqlite3 gives up by default.
    """
    if result.lossy:
        raise QueryFailed(f"{whose} have text that is no UTF-8, which BIRD's scripts cannot read")
    return list(dict.fromkeys(result.rows))


def _rows(n: int) -> str:
    return f"{n} different row{'' if n == 1 else 's'}"
