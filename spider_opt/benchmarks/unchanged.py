"""Databases that change after a benchmark was loaded: what is asked then is not what its fingerprint says."""

from __future__ import annotations

from pathlib import Path

from spider_opt.databases.files import is_as_it_was
from spider_opt.errors import DatasetError
from spider_opt.types import Benchmark
from spider_opt.wording import either


def check_unchanged(benchmark: Benchmark) -> None:
    """Make sure that a benchmark's databases are what they were when it was loaded.

    A file is read only where its size or time is another now.

    Raises:
        DatasetError: one was changed, or is gone.
    """
    changed = [
        (db_id, Path(path))
        for db_id, path in benchmark.paths.items()
        if db_id in benchmark.hashes and not is_as_it_was(path, benchmark.hashes[db_id])
    ]
    if changed:
        db_id, path = changed[0]
        more = f", and so did {len(changed) - 1} more," if len(changed) > 1 else ""
        raise DatasetError(
            f"the database {db_id} has changed{more} since {benchmark.name} {benchmark.split} was loaded ({path}): "
            f"{either('load the benchmark again', 'run the same command again')}"
        )
