"""What other tools answered: text files with one query a line."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from spider_opt.errors import PredictionsError
from spider_opt.types import Benchmark, Example


def pair_lines(benchmark: Benchmark, path: Path, *, tab_ends_query: bool = True) -> list[tuple[Example, str]]:
    """Pair the lines of a text file with the questions of the split's file, in its order.

    A line is a query, or a query, a tab and its db_id. An empty line is an answer without SQL. Lines of
    questions whose database is missing are passed over. For the official evaluator a query ends at the
    first tab of its line; without ``tab_ends_query`` it ends at the tab before the db_id.

    Raises:
        PredictionsError: there are too many or too few lines, or a line's db_id is not its question's.
    """
    lines = _read_lines(path)
    while len(lines) > benchmark.n_total and not lines[-1].strip():
        lines.pop()
    if len(lines) != benchmark.n_total:
        raise PredictionsError(
            f"{path} has {len(lines)} lines, but {benchmark.name} {benchmark.split} has {benchmark.n_total} questions; "
            "there must be one line for each question of the split's file, in its order"
        )
    known = {example.question.db_id for example in benchmark.examples} | set(benchmark.missing)
    pairs = []
    for example in benchmark.examples:
        query, db_id = _split(lines[example.index], known, tab_ends_query)
        if db_id not in ("", example.question.db_id):
            raise PredictionsError(
                f"{path}, line {example.index + 1} is about {db_id}, but that question is about "
                f"{example.question.db_id}: are the lines in the split's order?"
            )
        pairs.append((example, query))
    return pairs


def _read_lines(path: Path) -> list[str]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise PredictionsError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        number = error.object.count(b"\n", 0, error.start) + 1
        raise PredictionsError(f"{path} is not UTF-8: see line {number}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def _split(line: str, known: Collection[str], tab_ends_query: bool) -> tuple[str, str]:
    """Split a line into its query and the db_id behind it, '' where there is none of the ``known``."""
    query, tab, last = line.strip().rpartition("\t")
    if not tab and "\t" in line and last in known:
        return "", last  # nothing before the db_id
    db_id = last if tab and last in known else ""
    if tab_ends_query or not db_id:
        query = line.strip()
    return (query.partition("\t")[0] if tab_ends_query else query), db_id
