"""Why an answer is wrong, in the field's terms, and in which order one of several reasons counts as the first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What is wrong with an answer. The order is that of reasons: the first that an answer has is its primary one.

    First what leaves nothing to compare, then what the query is built of, since all else follows from it, then what it
    reads, what it makes of that, and what it shows. Source for the terms: error analyses of DIN-SQL (Pourreza & Rafiei
    2023, section 3) and of CHESS and NL2SQL360; the order is ours.
    """

    UNANSWERED = "unanswered"
    NOT_RUN = "does not execute"
    UNREADABLE = "cannot be compared"
    SET_OPERATION = "set operation"
    NESTING = "nesting"
    TABLE = "schema linking: table"
    JOIN = "join"
    COLUMN = "schema linking: column"
    AGGREGATE = "aggregate"
    GROUPING = "grouping"
    CONDITION = "condition"
    VALUE = "value"
    ORDER = "order or limit"
    EXTRA_COLUMN = "extra column"
    MISSING_COLUMN = "missing column"
    COLUMN_ORDER = "columns in another order"
    EXPRESSION = "computed otherwise"
    DISTINCT = "DISTINCT"
    NOTHING = "no difference found"


ORDER = tuple(Kind)
ABOUT = {
    Kind.UNANSWERED: "there is no query: none in the answer, no SELECT, or the question was refused",
    Kind.NOT_RUN: "the database refuses it, or it takes too long",
    Kind.UNREADABLE: "it runs, but cannot be taken apart, or gold cannot",
    Kind.SET_OPERATION: "UNION, INTERSECT or EXCEPT where gold has none, or the other way round",
    Kind.NESTING: "queries inside at other places than in gold",
    Kind.TABLE: "other tables than gold reads",
    Kind.JOIN: "the tables are gold's, but joined by other columns, in another way, or as often otherwise",
    Kind.COLUMN: "another column in the place of one of gold's",
    Kind.AGGREGATE: "another aggregate function, or one more or less",
    Kind.GROUPING: "grouped by something else",
    Kind.CONDITION: "a condition more, less, or of another form; AND for OR",
    Kind.VALUE: "compared with another value",
    Kind.ORDER: "sorted otherwise, or cut elsewhere",
    Kind.EXTRA_COLUMN: "a column shown that gold does not show",
    Kind.MISSING_COLUMN: "a column of gold's not shown",
    Kind.COLUMN_ORDER: "gold's columns in another order",
    Kind.EXPRESSION: "gold's columns, computed in another way",
    Kind.DISTINCT: "DISTINCT where gold has none, or the other way round",
    Kind.NOTHING: "in parts the same as gold, yet judged wrong",
}
"""Each kind in a few words."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is wrong with an answer.

    ``what`` says it of the two queries ("animal.age > ? is missing"), and so has names of theirs: what is printed of it
    is not to be committed. Of an answer that does not execute ``why`` is the sort of the database's message.
    """

    kind: Kind
    what: str
    why: str = ""


def primary(reasons: tuple[Reason, ...]) -> Reason:
    """Return the first reason by the order of ``Kind``."""
    return min(reasons, key=lambda reason: ORDER.index(reason.kind))
