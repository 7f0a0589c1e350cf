"""Where a run's verdicts are, also when a process ends between writing them and ``run.json``.

``run.json`` says how the verdicts beside it came about, so both change at once: new verdicts are first written under a
name with the hash of the ``run.json`` to come. From the moment that stands there they count; then they are renamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from spider_opt.paths import write_whole
from spider_opt.runs.info import FILE, RunInfo
from spider_opt.scoring import Scored, write_verdicts

PREDICTIONS, VERDICTS = "predictions.jsonl", "verdicts.jsonl"


def verdicts_file(folder: Path) -> Path:
    """Return the file of the verdicts that a run's ``run.json`` is about; it need not exist."""
    waiting = [path for path in _waiting(folder) if path == folder / _name((folder / FILE).read_bytes())]
    return waiting[0] if waiting else folder / VERDICTS


def exchange(folder: Path, info: RunInfo, scored: Sequence[Scored]) -> None:
    """Write verdicts and ``run.json``, both or neither.

    Raises:
        OSError: they cannot be written; those of before stand.
    """
    text = info.to_text()
    new = folder / _name(text.encode())
    for path in _waiting(folder):
        if path != verdicts_file(folder):
            path.unlink()
    try:
        write_verdicts(scored, new)
        write_whole(folder / FILE, text)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    settle(folder)


def settle(folder: Path) -> None:
    """Give the verdicts their usual name, and delete those that never came to count."""
    current = verdicts_file(folder)
    if current.name != VERDICTS:
        current.replace(folder / VERDICTS)
    for path in _waiting(folder):
        path.unlink()


def _name(run_json: bytes) -> str:
    return f"verdicts.{sha256(run_json).hexdigest()[:16]}.jsonl"


def _waiting(folder: Path) -> list[Path]:
    return sorted(folder.glob("verdicts.*.jsonl"))
