"""Everything that can go wrong, one sentence each; the command line prints it without a traceback.

    SpiderOptError                  exit 1
    ├── UsageError                  exit 2   asked for something that makes no sense
    │   ├── MethodError             a method's text names no step or option
    │   ├── ScorerError             a scorer's name means none, or one that is broken
    │   ├── DatasetError            a benchmark's files are missing or broken
    │   ├── PredictionsError        a file of predictions does not fit the benchmark
    │   └── CorrectionsError        a file of corrected golds is broken, or of other golds
    ├── ModelError                  a model gave no answer; ``why`` is a ``NoAnswer``
    │   └── ModelUnavailable        nothing answers there, or the key is refused: no use to go on
    │       └── BudgetSpent         exit 3   one more request might exceed what may be spent
    ├── WeightsError                weights cannot be had or are not the right bytes
    ├── RunError                    a run folder cannot be used
    ├── CacheError                  what is kept on this machine is in use, or cannot be deleted
    ├── RegressionError             a run is worse than its baseline; also an AssertionError
    ├── LeakError                   a training example is too near to a question that is asked
    ├── TrainingError               a model cannot be tuned, or a training cannot go on
    ├── GoldError                   a benchmark's own gold query fails
    │   └── GoldTimeout             it ran out of time, on a machine that may have been busy
    └── QueryError                  a query gave no rows
        ├── QueryFailed             the database refused it
        ├── QueryTimeout            stopped at its time limit
        ├── QueryLimit              stopped at a cap of rows, bytes or memory
        └── NotAQuery               something else than one reading statement

Foreign exceptions are translated in one place each: sqlite3 in ``databases.sandbox``, httpx in
``models.openai.replies`` and, for hosted training, openai in ``training.openai_api``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

from spider_opt.types import Outcome


class NoAnswer(StrEnum):
    """Why a question has no answer. None of these is a wrong one: nothing is kept, and the question is asked again.

    The server failed or gave what is no answer; it gave none in time; it said only a thought, not what came of it; its
    filter refused the question or the answer; the prompt is longer than the context; or it refuses this request in
    other words.
    """

    FAULT = "server_fault"
    TIMEOUT = "no_answer_in_time"
    ONLY_THOUGHT = "only_thought"
    FILTERED = "filtered"
    TOO_LONG = "prompt_too_long"
    REFUSED = "refused"

    @property
    def for_good(self) -> bool:
        """Whether asking again is no use, so that the question may be given up: it then counts as wrong."""
        return self not in (NoAnswer.FAULT, NoAnswer.TIMEOUT)


class SpiderOptError(Exception):
    """The root. ``str(error)`` is one sentence: what is wrong, and what to type where that helps."""

    exit_code = 1


class UsageError(SpiderOptError):
    """Asked for something that makes no sense."""

    exit_code = 2


class MethodError(UsageError):
    """A method's text names no step or option, or a step lacks what it needs: examples, an adapter."""


class ScorerError(UsageError):
    """A scorer's name means none, or one that is broken."""


class DatasetError(UsageError):
    """A benchmark's files are missing or broken."""


class PredictionsError(UsageError):
    """A file of predictions does not fit the benchmark, or cannot be read."""


class CorrectionsError(UsageError):
    """A file of corrected gold queries is broken, is of other golds than the benchmark's, or a query in it fails."""


class ModelError(SpiderOptError):
    """A model gave no answer to this request; others may still be answered."""

    def __init__(self, message: str, why: NoAnswer = NoAnswer.FAULT) -> None:
        super().__init__(message)
        self.why = why


class ModelUnavailable(ModelError):
    """Nothing answers there, or the key is refused: no use to go on."""


class BudgetSpent(ModelUnavailable):
    """One more request might exceed what may be spent; what was answered is kept, and goes on with more."""

    exit_code = 3


class WeightsError(SpiderOptError):
    """Weights cannot be had, or are not the right bytes; what an adapter is made of, too."""


class RunError(SpiderOptError):
    """A run folder cannot be used (it holds another run, is in use or broken), or questions have no answer."""


class CacheError(SpiderOptError):
    """What is kept on this machine is in use, or cannot be deleted."""


class RegressionError(SpiderOptError, AssertionError):
    """A run is worse than its baseline.

    ``lost`` are the ids of all questions that only the baseline has right; ``change`` and its 95 % interval ``low`` to
    ``high`` are percentage points of EX.
    """

    def __init__(
        self,
        message: str,
        lost: Sequence[str] = (),
        *,
        change: float = math.nan,
        low: float = math.nan,
        high: float = math.nan,
    ) -> None:
        super().__init__(message)
        self.lost = tuple(lost)
        self.change, self.low, self.high = change, low, high


class LeakError(SpiderOptError):
    """A training example is of the questions that are asked, or too near to one: nothing measured with it counts."""


class TrainingError(SpiderOptError):
    """A model cannot be tuned, or a training cannot go on."""


class GoldError(SpiderOptError):
    """A benchmark's own gold query fails, or its database cannot be read; its question is left out of n."""


class GoldTimeout(GoldError):
    """A benchmark's own gold query ran out of time, on a machine that may have been busy."""


class QueryError(SpiderOptError):
    """A query gave no rows. ``outcome`` is what a verdict makes of it."""

    outcome = Outcome.QUERY_ERROR


class QueryFailed(QueryError):
    """The database refused the query."""


class QueryTimeout(QueryError):
    """The query was stopped at its time limit."""

    outcome = Outcome.TIMEOUT


class QueryLimit(QueryError):
    """The query was stopped at a cap of rows, bytes or memory."""

    outcome = Outcome.LIMIT


class NotAQuery(QueryError):
    """The text is something else than one reading statement."""

    outcome = Outcome.NOT_A_QUERY
