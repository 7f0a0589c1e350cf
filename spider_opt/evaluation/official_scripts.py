"""A user's own copy of the official scripts, run on answers with their Python; see ``official_driver``."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_opt.errors import UsageError
from spider_opt.wording import argument

DRIVER = Path(__file__).with_name("official_driver.py")
SOME = 25
"""Questions that BIRD's scripts are given at a time."""
STARTS_S = 60.0
_LOOK_EVERY_S = 0.1
_PIP = {"psycopg2": "psycopg2-binary", "func_timeout": "func-timeout"}
_OF_THE_SCRIPTS = frozenset(("process_sql", "exec_eval", "parse", "evaluation_utils"))
_WHERE = ("", "evaluation", "src", "bird_evaluation/src")
SCRIPTS = {"spider": "evaluation.py", "bird": "evaluation_ex.py", "bird-f1": "evaluation_f1.py"}


@dataclass(frozen=True, slots=True)
class Script:
    """An official script of the user's. ``is_old`` is Spider's first one, which knows no test suites."""

    path: Path
    form: str
    is_old: bool
    python: str

    @classmethod
    def find(cls, folder: Path, form: str | None, python: str | None, *, f1: bool = False) -> Script:
        """Look for a script in a folder that was named; without a ``form`` the folder tells it.

        Raises:
            UsageError: there is none.
        """
        if not folder.is_dir():
            raise UsageError(
                f"there is no folder {folder}: {argument('official')} names a copy of the official scripts"
            )
        for kind in ("bird", "spider") if form is None else (form,):
            name = SCRIPTS["bird-f1" if f1 and kind == "bird" else kind]
            if path := next((folder / where / name for where in _WHERE if (folder / where / name).is_file()), None):
                is_old = kind == "spider" and not (path.parent / "exec_eval.py").is_file()
                return cls(path.absolute(), kind, is_old, python or _python_of(folder))
        wanted = {"spider": "evaluation.py and exec_eval.py (github.com/taoyds/test-suite-sql-eval)"}
        wanted["bird"] = f"{SCRIPTS['bird-f1' if f1 else 'bird']} (github.com/bird-bench/mini_dev, folder evaluation)"
        due = " or ".join(wanted[kind] for kind in ([form] if form else wanted))
        raise UsageError(f"{folder} has no official script: it is to have {due}")


def verdicts_of(
    script: Script, job: Mapping[str, Any], folder: Path, timeout_s: float, on_verdict: Callable[[], None]
) -> list[Mapping[str, Any]]:
    """Return what the script says of each question of a job, in order: ``said`` by metric, or an ``error``.

    A question on which it does not return within ``timeout_s`` seconds is passed over.

    Raises:
        UsageError: the script cannot run, since something is not installed.
    """
    results, log = folder / "results.jsonl", folder / "log.txt"
    n, some = len(job["pred"]), SOME if script.form == "bird" else 1
    told: dict[int, Mapping[str, Any]] = {}
    while len(told) < n:
        start = next(at for at in range(n) if at not in told)
        written = {**job, "start": start, "some": some, "form": script.form, "script": str(script.path)}
        written |= {"folder": str(script.path.parent), "results": str(results)}
        (folder / "job.json").write_text(json.dumps(written), encoding="utf-8")
        results.unlink(missing_ok=True)
        ended = _watched(script, folder, results, log, timeout_s * some, on_verdict)
        lines = _lines(results)
        for line in lines:
            if "missing" in line:
                raise _not_installed(script, str(line["missing"]))
            if "at" in line:
                told[int(line["at"])] = line
        if len(told) == n:
            break
        if ended and not lines:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise UsageError(f"{script.path} cannot be run with {script.python}: {said[-1] if said else 'it ended'}")
        stuck = next(at for at in range(n) if at not in told)
        why = "it ended the process" if ended else f"no verdict within {timeout_s:g} s"
        for at in range(stuck, min(stuck + some, n)):
            told.setdefault(at, {"at": at, "error": why})
    return [told[at] for at in range(n)]


def _watched(
    script: Script, folder: Path, results: Path, log: Path, timeout_s: float, on_verdict: Callable[[], None]
) -> bool:
    """Run the driver until it ends, or until it is silent for too long; tells whether it ended by itself."""
    kept = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    with log.open("wb") as said:
        process = subprocess.Popen(
            [script.python, str(DRIVER), str(folder / "job.json")], cwd=folder, env=os.environ | kept,
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
    size, n_seen, heard = 0, 0, time.monotonic()
    allowed = timeout_s + STARTS_S
    try:
        while process.poll() is None:
            time.sleep(_LOOK_EVERY_S)
            now = results.stat().st_size if results.exists() else 0
            if now != size:
                n_now = sum("at" in line for line in _lines(results))
                for _ in range(n_now - n_seen):
                    on_verdict()
                size, n_seen, heard, allowed = now, n_now, time.monotonic(), timeout_s
            elif time.monotonic() - heard > allowed:
                return False
        return True
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what was started, with all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _lines(results: Path) -> list[Mapping[str, Any]]:
    if not results.exists():
        return []
    text = results.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _not_installed(script: Script, what: str) -> UsageError:
    again = f"or name another Python, {argument('python', 'PATH')}"
    if what.startswith("nltk data "):
        name = what.removeprefix("nltk data ")
        return UsageError(f"{script.path} needs data of nltk: type {script.python} -m nltk.downloader {name}, {again}")
    if what.startswith("import: "):
        said = what.removeprefix("import: ")
        return UsageError(f"{script.path} cannot be imported ({said}): are its files of one version?")
    if what in _OF_THE_SCRIPTS:
        return UsageError(f"{script.path} needs {what}.py, which is a file of the same script: take all of its folder")
    package = _PIP.get(what, what)
    return UsageError(f"{script.path} needs {what}: type {script.python} -m pip install {package}, {again}")


def _python_of(folder: Path) -> str:
    for name in (".venv", "venv"):
        if (found := folder / name / "bin" / "python").exists():
            return str(found.absolute())
    return sys.executable


def linked(files: Mapping[str, Sequence[Path]], folder: Path) -> None:
    """Put databases where the scripts look for them: a folder for each, and in it the one that is called as it is."""
    for db_id, several in files.items():
        (folder / db_id).mkdir(parents=True)
        for number, file in enumerate(several):
            there = folder / db_id / (f"{db_id}.sqlite" if not number else f"{number}_{file.name}")
            try:
                there.symlink_to(file.absolute())
            except OSError:  # no links on this system
                shutil.copy(file, there)
