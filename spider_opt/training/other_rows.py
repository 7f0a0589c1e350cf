"""Whether a right query is right by luck: on a database that is nearly empty many wrong ones give what gold gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import gettempdir

from spider_opt.errors import GoldError, SpiderOptError
from spider_opt.progress import Progress, silent
from spider_opt.scoring import Rules
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.suites.build import with_other_rows
from spider_opt.temporary import temporary_folder
from spider_opt.types import Example, Verdict


def holding(
    pairs: Sequence[tuple[Example, str]],
    paths: Mapping[str, Path],
    *,
    keep_distinct: bool = False,
    progress: Progress = silent,
) -> list[bool]:
    """Tell of each (question, query) whether the query gives what gold gives on other rows, too.

    These are rows on which queries that are nearly gold are wrong (``suites``). ``keep_distinct`` lets DISTINCT count.
    Of a database for which none could be made none holds.

    Raises:
        SpiderOptError: a database cannot be read, there is no room for the other rows, or a process dies.
    """
    golds = list({example.question.id: example for example, _ in pairs}.values())
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder())
            files = with_other_rows(golds, paths, folder, progress=progress)
        except OSError as error:
            raise SpiderOptError(
                f"cannot make databases with other rows in {gettempdir()}: {error.strerror or error}; set TMPDIR to a "
                "folder with room for them"
            ) from error
        with progress("scoring on other rows", len(pairs)) as advance:
            verdicts = judge_all(
                pairs, paths, Rules("suite", keep_distinct=keep_distinct), suites=files, on_verdict=advance
            )
    return [
        is_right(found["suite"]) and len(files.get(example.question.db_id, ())) > 1
        for (example, _), found in zip(pairs, verdicts, strict=True)
    ]


def is_right(verdict: Verdict | GoldError) -> bool:
    """Tell whether a query was found right; what gold itself cannot say is not."""
    return isinstance(verdict, Verdict) and verdict.correct
