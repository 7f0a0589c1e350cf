"""A file of predictions, whatever wrote it, to pairs of questions and queries."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spider_opt.errors import PredictionsError
from spider_opt.rows import Row, begins_a_query, csv_rows, json_rows, jsonl_rows, name_of, read_text
from spider_opt.runs.answers import ORACLE
from spider_opt.runs.prediction_files.elsewhere import elsewhere
from spider_opt.runs.prediction_files.entries import Entry, Known
from spider_opt.runs.prediction_files.field_roles import PERHAPS, PREDICTED, is_known
from spider_opt.runs.prediction_files.fields import mentions_a_query
from spider_opt.runs.prediction_files.pairing import pair
from spider_opt.runs.prediction_files.rows_read import Refuse, row_entries
from spider_opt.runs.prediction_files.sql_files import sql_files
from spider_opt.runs.prediction_files.text_lines import text_entries
from spider_opt.types import Benchmark, Example
from spider_opt.wording import argument, counted, switched_on

_LOG = logging.getLogger("spider_opt")
_OF_A_RUN = {"index", "id", "db_id", "sql"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader is told beside the text: what is known of the questions, and what the user has said."""

    known: Known
    field: str | None
    extract: bool
    refuse: Refuse


def _of_rows(rows: Sequence[Row], asked: Asked) -> list[Entry]:
    return row_entries(rows, asked.known, asked.field, asked.refuse, extract=asked.extract)


Reader = Callable[[str, Asked], list[Entry]]

READERS: Mapping[str, Reader] = {
    "json": lambda text, asked: _of_rows(json_rows(text, asked.refuse), asked),
    "jsonl": lambda text, asked: _of_rows(jsonl_rows(text, asked.refuse), asked),
    "csv": lambda text, asked: _of_rows(csv_rows(text, _known_or(asked.field), asked.refuse), asked),
    "text": lambda text, asked: text_entries(text, asked.known, extract=asked.extract),
}
"""By the name of a format, what reads it; ``format_of`` tells which one a file has."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """An answer from a file, paired with its question.

    ``sql`` is the query, ``cut`` what the official evaluator reads of a line in a text file: it ends at the first tab.
    """

    example: Example
    sql: str
    cut: str


def format_of(path: Path, text: str) -> str:
    """Return the name of a file's format: what its name ends with says it, else what it begins with.

    A text file of queries begins with neither a bracket nor a brace; one whose first line has the names of columns
    with tabs between them is a table.
    """
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv") and not text.lstrip().startswith("{"):
        return "csv" if suffix == ".csv" or _has_header(text) else "text"
    if suffix in (".json", ".jsonl") or text.lstrip()[:1] in ("{", "["):
        whole = _parsed(text)
        if suffix == ".jsonl":
            return "json" if isinstance(whole, list) else "jsonl"
        a_line_each = whole is None and isinstance(_parsed(text.lstrip().partition("\n")[0]), dict)
        return "jsonl" if a_line_each else "json"
    return "csv" if _has_header(text) else "text"


def read_predictions(
    benchmark: Benchmark,
    path: Path,
    *,
    extract: bool = False,
    field: str | None = None,
    whole_lines: bool = False,
    left_out: str = "",
) -> list[Predicted]:
    """Read a file that any tool wrote, and pair its answers with the benchmark's questions.

    They are paired by their number, id, question or gold query where the file tells it, else by their order; answers
    for questions whose database is missing are passed over. ``extract`` takes the query out of what a model said,
    ``field`` names what holds it in a CSV or JSON file. A folder has a file ``ID.sql`` for each question. With
    ``whole_lines`` a tab in a line of text must stand before its db_id; without, what stands behind it may be anything,
    as to the official evaluator, and is told, with the scorers that are ``left_out`` for it.

    Raises:
        PredictionsError: the file cannot be read (with its line or entry), an answer is for another question or
            database than it says, or not every question has one.
    """

    def refuse(reason: str) -> PredictionsError:
        return PredictionsError(f"{path}: {reason}")

    if path.is_dir():
        if field is not None:
            raise refuse(f"it is a folder of files of SQL, which have no fields: leave out {argument('field')}")
        return [Predicted(x, e.sql, e.sql) for x, e in pair(benchmark, path, sql_files(benchmark, path), by_line=False)]
    text = read_text(path, PredictionsError)
    if is_of_oracle(text):
        raise refuse("these are answers of an oracle, which saw gold: they are no predictions, and nothing scores them")
    asked = Asked(Known(benchmark), field, extract, refuse)
    form = format_of(path, text)
    if field is not None and form == "text":
        raise refuse(f"it is read as text with one query a line, which has no fields: leave out {argument('field')}")
    entries = READERS[form](text, asked)
    are_here = sum(entry.db_id in asked.known.db_ids for entry in entries) * 2 > len(entries)
    other = "" if are_here else elsewhere(benchmark, len(entries))
    if any(entry.tail for entry in entries) and (whole_lines or not other):
        _check_tails(path, entries, benchmark, refuse if whole_lines else None, other, left_out)
    if extract:
        from spider_opt.sql.extract import extract_sql  # which takes its time to load

        entries = [replace(entry, sql=(sql := extract_sql(entry.sql)), cut=sql) for entry in entries]
    else:
        _tell_of_words(path, entries)
    try:
        pairs = pair(benchmark, path, entries, by_line=form == "text")
    except PredictionsError as error:
        raise PredictionsError(f"{error}{other}") from error
    return [Predicted(example, entry.sql, entry.cut) for example, entry in pairs]


def field_of(path: Path, wanted: Sequence[str]) -> str | None:
    """Return the first of some fields that a file has; None where it has none of them, or no fields.

    Raises:
        PredictionsError: the file cannot be read.
    """

    def refuse(reason: str) -> PredictionsError:
        return PredictionsError(f"{path}: {reason}")

    text = read_text(path, PredictionsError)
    form = format_of(path, text)
    if form == "text":
        return None
    if form == "csv":
        rows = csv_rows(text, lambda name: is_known(name) or name in map(name_of, wanted), refuse)
    else:
        rows = (json_rows if form == "json" else jsonl_rows)(text, refuse)
    has = {name for row in rows if isinstance(row.value, dict) for name in row.value}
    return next((field for field in wanted if field in has), None)


def is_of_oracle(text: str) -> bool:
    """Tell whether a text is JSON that has what an oracle, which sees gold, marks its answers with.

    A line of its file is told by itself, whatever stands before it.
    """
    if f'"{ORACLE}"' not in text:
        return False
    whole = _parsed(text)
    entries = whole if isinstance(whole, list) else [whole] if whole is not None else map(_parsed, text.splitlines())
    return any(isinstance(entry, dict) and ORACLE in entry for entry in entries)


def is_of_a_run(path: Path) -> bool:
    """Tell whether a file holds answers as a run folder's ``predictions.jsonl`` does, by its first line.

    What has a further field for the answer, somebody else has made of such a file, or of the questions and their golds.
    """
    if path.suffix != ".jsonl":
        return False
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = json.loads(next((line for line in file if line.strip()), "null"))
    except (OSError, ValueError, RecursionError):
        return False
    if not isinstance(first, dict) or not first.keys() >= _OF_A_RUN or not isinstance(first["id"], str):
        return False
    return not any(name_of(field) in PREDICTED | PERHAPS for field in first.keys() - _OF_A_RUN - {"answer"})


def _tell_of_words(path: Path, entries: Sequence[Entry]) -> None:
    fenced = sum("```" in entry.sql for entry in entries)
    wordy = sum(mentions_a_query(entry.sql) and not begins_a_query(entry.sql) for entry in entries)
    for n, around in ((fenced, "code fences"), (wordy, "words before their queries")):
        if n * 2 > len(entries):
            _LOG.warning(
                "%s: %d of %d answers have %s: %s takes the queries out",
                path, n, len(entries), around, switched_on("extract"),
            )  # fmt: skip
            return


def _check_tails(
    path: Path, entries: Sequence[Entry], benchmark: Benchmark, refuse: Refuse | None, other: str, left_out: str
) -> None:
    """Tell, or refuse, that something stands behind tabs that is no database: a part of a query, or another's db_id."""
    tails = [entry for entry in entries if entry.tail]
    first, split = tails[0], f"{benchmark.name} {benchmark.split}"
    if refuse is not None:
        raise refuse(
            f'{first.place} has a tab, and "{first.tail[:50]}" behind it is no database of {split}'
            f"{other or ': where it is a part of the query, write a blank for the tab'}"
        )
    _LOG.warning(
        '%s: behind the tab of %s stands "%s", which is no database of %s (%s); as in the official evaluator the query '
        "ends at the first tab, and what follows is not looked at%s",
        path, first.place, first.tail[:50], split, counted(len(tails), "such line"),
        f"; {left_out}, which reads whole lines, is left out" if left_out else "",
    )  # fmt: skip


def _known_or(field: str | None) -> Callable[[str], bool]:
    return lambda name: is_known(name) or (field is not None and name == name_of(field))


def _has_header(text: str) -> bool:
    names = [name_of(cell) for cell in text.lstrip().partition("\n")[0].split("\t")]
    return len(names) > 1 and all(map(is_known, names)) and any(name in PREDICTED | PERHAPS for name in names)


def _parsed(text: str) -> object:
    """Return what JSON says, None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
