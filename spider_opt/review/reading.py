"""Sheets that people filled in, looked at row by row, and what they say kept as labels beside the verdicts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from unicodedata import normalize

from spider_opt import arguments
from spider_opt.databases import DatabasePool
from spider_opt.errors import DatasetError, PredictionsError, QueryError, UsageError
from spider_opt.review.answers import COUNTED, TIMEOUT_S, Judged, judged_answers, read_runs
from spider_opt.review.cells import same_text
from spider_opt.review.sheet import GOLD, asked_cells, check_of, gold_cell, read_rows
from spider_opt.rows import Row
from spider_opt.runs import Run
from spider_opt.runs.labels import DRAWN, SAID, Drawn, Label, Said, answer_hash, keep_all_labels, read_labels
from spider_opt.types import Benchmark
from spider_opt.wording import argument, counted

_KEY = re.compile(r"(r[0-9a-f]{12})-([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Filled:
    """What one row of a sheet says: ``said`` is None where nothing is filled in."""

    answer: Judged
    said: Said | None
    reason: str
    corrected: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet that was filled in ``by`` somebody: who is called as its file is."""

    path: Path
    by: str
    rows: tuple[Filled, ...]
    drawn: Drawn
    gold_shown: bool

    @property
    def n(self) -> int:
        """How many answers have a label."""
        return sum(row.said is not None for row in self.rows)


def read_sheets(
    runs: Sequence[Run | Path | str], benchmark: Benchmark, sheets: Sequence[str | Path] | str | Path
) -> list[Sheet]:
    """Read sheets that people filled in, each called by its file's name, and keep their labels in the run folders.

    ``runs`` are those that the sheets were made from. What a person said before of the same answers is replaced. All
    sheets are looked at before anything is kept.

    Raises:
        UsageError: two sheets have the same name, or an argument is of another kind than is due.
        PredictionsError: a sheet cannot be read, lacks a row or has one twice, something in it was changed, a label is
            none, or a corrected query does not run; it says in which row.
        RunError: a run cannot be read or written.
    """
    read = read_runs(runs, benchmark)
    given = [sheets] if isinstance(sheets, str | Path) else list(sheets)
    paths = [arguments.path(sheet, "sheets") for sheet in given]
    names = _names(paths, read)
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"two sheets are called {twice}, and a sheet is called as who filled it in: rename one")
    if taken := next((p for p, name in zip(paths, names, strict=True) if name.lower() in ("", "ex", "people")), None):
        raise UsageError(f"{taken} is called as nobody is, and a sheet is called as who filled it in: rename it")
    if not paths:
        raise UsageError(f"no sheet is given: name one in {argument('sheets')}")
    answers = {one.key: one for one in judged_answers(read)}
    found = [_sheet(path, name, answers, benchmark) for path, name in zip(paths, names, strict=True)]
    if not any(sheet.n for sheet in found):
        raise PredictionsError(
            f"{' and '.join(map(str, paths))}: no label is filled in; write {', '.join(SAID[:-1])} or {SAID[-1]}"
        )
    changes: dict[Path, tuple[list[Label], list[tuple[int, bool, str]]]] = {}
    for number, run in enumerate(read):
        assert run.folder is not None
        new: list[Label] = []
        replaced: list[tuple[int, bool, str]] = []
        changes[run.folder] = new, replaced
        for sheet in found:
            for row in sheet.rows:
                for one in row.answer.given:
                    if one.run != number:
                        continue
                    replaced.append((one.answer.index, False, sheet.by))
                    if row.said is not None:
                        hashed = answer_hash(one.answer.prediction.sql)
                        new.append(
                            Label(
                                one.answer.index, one.answer.id, sheet.by, row.said, hashed, row.reason, row.corrected,
                                gold_shown=sheet.gold_shown, drawn=sheet.drawn,
                            )
                        )  # fmt: skip
    keep_all_labels({folder: change for folder, change in changes.items() if any(change)})
    return found


def _names(paths: Sequence[Path], runs: Sequence[Run]) -> list[str]:
    """Return who filled sheets in, as the labels that are there spell it: who is Anna is no other person than anna.

    Nor does how a system writes an accented letter make another of one person.
    """
    known: dict[str, str] = {}
    written = [normalize("NFC", " ".join(path.stem.split())) for path in paths]
    there = [label.by for run in runs if run.folder for label in read_labels(run.folder) if not label.judge]
    for name in (*there, *written):
        known.setdefault(_folded(name), name)
    return [known[_folded(name)] for name in written]


def _folded(name: str) -> str:
    return normalize("NFC", normalize("NFC", name).casefold())


def _sheet(path: Path, by: str, answers: Mapping[str, Judged], benchmark: Benchmark) -> Sheet:
    rows = read_rows(path)
    cells = [_texts(row) for row in rows]
    numbers = [_number(path, row, texts, "row") for row, texts in zip(rows, cells, strict=True)]
    of = _number(path, rows[0], cells[0], "of")
    _check_all_there(path, rows, numbers, of)
    found: list[Filled] = []
    drawn: set[Drawn] = set(DRAWN)
    databases = DatabasePool(benchmark.paths)
    for number, texts in zip(numbers, cells, strict=True):
        where = f"{path}, row {number}:"
        one, check = _answer(where, texts, answers)
        fits: set[Drawn] = {only for only in DRAWN if check_of(texts, number, of, only, benchmark.fingerprint) == check}
        if not fits:
            _changed(where, one, texts)
        drawn &= fits
        found.append(_filled(where, one, texts))
        if corrected := found[-1].corrected:
            try:
                databases[one.example.question.db_id].run(corrected, stop_after_rows=COUNTED, within_s=TIMEOUT_S)
            except (QueryError, DatasetError) as error:
                raise PredictionsError(
                    f"{where} its corrected query does not run on {one.example.question.db_id} ({error}): mend it"
                ) from error
    if len(drawn) != 1:
        raise PredictionsError(f"{path} has rows of several sheets: read each by itself")
    return Sheet(path, by, tuple(found), drawn.pop(), GOLD[0] in cells[0])


def _texts(row: Row) -> dict[str, str]:
    assert isinstance(row.value, dict)
    return {name: cell for name, cell in row.value.items() if isinstance(cell, str)}


def _number(path: Path, row: Row, texts: Mapping[str, str], name: str) -> int:
    said = texts[name].strip()
    if not said.isdecimal() or not 0 < int(said[:12]) < 10**9:
        raise PredictionsError(f'{path}, {row.place}: its {name} is "{said[:50]}", and was a number: put it back')
    return int(said)


def _check_all_there(path: Path, rows: Sequence[Row], numbers: Sequence[int], of: int) -> None:
    first: dict[int, str] = {}
    for number, row in zip(numbers, rows, strict=True):
        if number in first:
            raise PredictionsError(f"{path}: row {number} is there twice, in {first[number]} and {row.place}: keep one")
        first[number] = row.place
    if lacking := [number for number in range(1, min(of, 10**6) + 1) if number not in first]:
        more = f" and {len(lacking) - 1:,} more" if len(lacking) > 1 else ""
        are = "are" if more else "is"
        raise PredictionsError(
            f"{path}: row {lacking[0]}{more} of {of:,} {are} missing: put every row back, with an empty label where "
            "nothing is said"
        )
    if strange := next((number for number in numbers if number > of), None):
        raise PredictionsError(f"{path}: row {strange} is none of the {counted(of, 'row')} of this sheet")


def _answer(where: str, texts: Mapping[str, str], answers: Mapping[str, Judged]) -> tuple[Judged, str]:
    key = _KEY.fullmatch(texts["key"].strip())
    if key is None:
        raise PredictionsError(f'{where} its key "{texts["key"][:50]}" was changed: put it back')
    if key[1] not in answers:
        raise PredictionsError(
            f"{where} no run that is given has this answer now: name all runs that the sheet was made from"
        )
    return answers[key[1]], key[2]


def _changed(where: str, one: Judged, texts: Mapping[str, str]) -> NoReturn:
    """Say what of a row is not what it was."""
    was = asked_cells(one) | (gold_cell(one) if GOLD[0] in texts else {})
    names = [name for name, cell in was.items() if same_text(cell) != same_text(texts.get(name, ""))]
    which = names[0] if names else "result, row or of"
    raise PredictionsError(
        f"{where} its {which} was changed, so that what is judged is not what was answered: put it back"
    )


def _filled(where: str, one: Judged, texts: Mapping[str, str]) -> Filled:
    written = texts["label"].strip()
    said = next((label for label in SAID if label == written.lower()), None)
    reason, corrected = texts["reason"].strip(), texts["corrected"].strip()
    if written and said is None:
        raise PredictionsError(
            f'{where} its label is "{written[:50]}", and must be {", ".join(SAID[:-1])} or {SAID[-1]}'
        )
    if said is None and (reason or corrected):
        has = "a reason" if reason else "a corrected query"
        raise PredictionsError(f"{where} it has {has}, and no label: write {', '.join(SAID[:-1])} or {SAID[-1]}")
    return Filled(one, said, reason, corrected)
