"""What a scorer is, and what it sees of a question's database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from spider_opt.types import Result, Verdict


class ScoredDatabase(Protocol):
    """A question's database as scorers see it: opened when first asked, bounded; what several ask runs once."""

    @property
    def db_id(self) -> str:
        """Its id, for messages."""

    @property
    def path(self) -> Path:
        """Its SQLite file; what is run on it without these methods is not bounded."""

    @property
    def timeout_s(self) -> float:
        """How long a query may take for the scorer that asks now."""

    @property
    def instances(self) -> Sequence[ScoredDatabase]:
        """The databases of its test suite: of its schema, with other rows. Itself alone where it has none."""

    def gold(self, sql: str) -> Result:
        """Return all that a gold query gives.

        Raises:
            GoldError: it fails; the question is left out of n, where the scorer lets that through.
        """

    def check_gold(self, sql: str) -> None:
        """Make sure that a gold query runs: cheaper than ``gold`` where its rows do not matter.

        Raises:
            GoldError: it fails.
        """

    def run(
        self, sql: str, *, stop_after_rows: int | None = None, distinct: bool = False, within_s: float | None = None
    ) -> Result:
        """Run a predicted query; ``stop_after_rows`` fetches no more than that many rows.

        ``distinct`` leaves out repeats of rows, as Python compares them; ``within_s`` is a shorter time to take.

        Raises:
            QueryError: it failed, was stopped, or was no query; its ``outcome`` is what a verdict makes of that.
        """

    def run_on_copy(self, sql: str, *, stop_after_rows: int | None = None) -> Result:
        """Run a statement of any kind on a copy in memory; it may have no columns. Raises as ``run`` does."""

    def run_in_order(self, statements: Sequence[str]) -> list[Result]:
        """Run statements of any kind in turn on one copy: ``distinct`` rows, one time for all. Raises as ``run``."""

    def of_text(self, what: str, sql: str, make: Callable[[str], str]) -> str:
        """Return what ``make`` makes of a query's text, kept on disk under ``what``: reading SQL takes long."""


class Scorer(Protocol):
    """Judges one predicted query against its gold, on its database."""

    def __call__(self, gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
        """Judge a prediction.

        Raises:
            GoldError: the gold query itself fails.
            QueryError: the predicted query fails; the verdict is then the error's outcome and message.
        """
