"""The folder of a suite: which suite it is, and one folder for each database, which is there whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spider_opt.databases.snapshots import settled
from spider_opt.errors import UsageError
from spider_opt.paths import write_whole
from spider_opt.scoring.suite_files import DESCRIPTION
from spider_opt.suites.report import DatabaseReport
from spider_opt.wording import argument

REPORT = "report.json"
"""What came of making the suite, with the seconds that it took."""
FORMAT = 1
"""Another number when the same settings make other databases."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a suite is made of: the same settings make the same databases, byte by byte, by the same SQLite."""

    benchmark: str
    split: str
    fingerprint: str
    seed: int
    instances: int
    checks: int
    sqlite: str
    format: int = FORMAT


def begin(out: Path, settings: Settings) -> None:
    """Make the folder, or go on with one that was begun with the same settings.

    Raises:
        UsageError: it holds something else, or a suite of other settings.
        OSError: it cannot be made.
    """
    wanted = asdict(settings)
    file = out / DESCRIPTION
    if file.exists():
        try:
            there = json.loads(file.read_text(encoding="utf-8"))
            differing = [name for name, value in wanted.items() if there.get(name) != value]
        except (ValueError, AttributeError):
            raise UsageError(f"{file} cannot be read: name another folder, {argument('out', 'DIR')}") from None
        if differing:
            said = ", ".join(f"{name} {there.get(name)}, not {wanted[name]}" for name in differing)
            raise UsageError(f"{out} has another suite ({said}): name another folder, {argument('out', 'DIR')}")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there and holds no suite: name another folder, {argument('out', 'DIR')}")
    out.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(wanted, indent=1) + "\n")


def known_report(out: Path, db_id: str) -> DatabaseReport | None:
    """Return what came of a database that is done; None where it is not."""
    try:
        return DatabaseReport.of(json.loads((out / db_id / REPORT).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, LookupError):
        return None


def keep(out: Path, own: Path, files: Sequence[bytes], report: DatabaseReport, *, copy: bool = True) -> DatabaseReport:
    """Write the folder of one database at once: its own file, as a copy where asked for, and what was made for it.

    Raises:
        OSError: it cannot be written; what was begun is deleted.
    """
    part, whole = out / f".{report.db_id}.part", out / report.db_id
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        name = own.name if ".sqlite" in own.name else f"{own.stem}.sqlite"
        if copy:
            shutil.copyfile(settled(own), part / name)
        for number, data in enumerate(files, 1):
            (part / f"{name.partition('.sqlite')[0]}_{number}.sqlite").write_bytes(data)
        n_bytes = sum(file.stat().st_size for file in part.iterdir())
        report = DatabaseReport.of({**report.to_json(), "n_bytes": n_bytes})
        write_whole(part / REPORT, _text(report.to_json()))
        if whole.exists():  # of a suite of these settings, and not whole
            shutil.rmtree(whole)
        os.replace(part, whole)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, OSError) and error.filename is None:  # a disk that is full does not say which
            error.filename = str(whole)
        raise
    return report


def end(out: Path, told: dict[str, Any]) -> None:
    """Write what came of all databases."""
    write_whole(out / REPORT, _text(told))


def _text(told: dict[str, Any]) -> str:
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"
