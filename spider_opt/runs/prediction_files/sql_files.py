"""A folder with a file of SQL for each question, called by its id: answers as Spider 2.0's script takes them."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from spider_opt.benchmarks.subsets import examples_of
from spider_opt.errors import PredictionsError
from spider_opt.rows import read_text
from spider_opt.runs.info import FILE
from spider_opt.runs.prediction_files.entries import Entry
from spider_opt.types import Benchmark
from spider_opt.wording import counted

_LOG = logging.getLogger("spider_opt")
_FENCED = re.compile(r"```sql\n(.*?)\n```", re.DOTALL)
# Source: xlang-ai/Spider2, spider2-lite/evaluation_suite/evaluate.py, ``extract_sql_query``.


def is_of_sql_files(path: Path) -> bool:
    """Tell whether a path is a folder of files of SQL, and no run's."""
    return path.is_dir() and not (path / FILE).exists() and any(path.glob("*.sql"))


def sql_files(benchmark: Benchmark, folder: Path) -> list[Entry]:
    """Return what a folder's files answer; those that are called as no question here is are counted in a warning.

    Of a file with code fences the first that says it is SQL is the query, as to the script.

    Raises:
        PredictionsError: a file cannot be read, or none is of a question here.
    """
    files = sorted(folder.glob("*.sql"))
    known = examples_of(benchmark, [file.stem for file in files])
    split = f"{benchmark.name} {benchmark.split}"
    if not known:
        raise PredictionsError(
            f"{folder} has no file ID.sql with the id of a question of {split}, such as {_an_id(benchmark)}.sql"
        )
    if other := [file.name for file in files if file.stem not in known]:
        what = counted(len(other), "file that is", "files that are")
        _LOG.warning("%s has %s of no question of %s here (the first: %s)", folder, what, split, other[0])
    return [_entry(file) for file in files if file.stem in known]


def _entry(file: Path) -> Entry:
    sql = sql_in(read_text(file, PredictionsError))
    return Entry(file.name, sql, sql, id=file.stem)


def sql_in(text: str) -> str:
    r"""Return the query that a file's text holds: the first between fences that say so, else all of it.

    >>> sql_in("SELECT 1\n"), sql_in("So:\n```sql\nSELECT 2\n```\n")
    ('SELECT 1\n', 'SELECT 2')
    """
    return found[1].strip() if (found := _FENCED.search(text)) else text


def _an_id(benchmark: Benchmark) -> str:
    example = benchmark.examples[0]
    return example.metadata.get("instance_id", example.question.id)
