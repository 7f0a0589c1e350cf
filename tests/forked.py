"""Commands in processes of their own, forked off one that has loaded what they need: real exits and real memory.

Run as a program it is that process: its arguments are what it loads, then it reads what to run from its input, a line
each, and says how it ended. What a command had to load it loads for the next ones.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import IO, Any

MEMORY = Path("/proc/self/status")
LONGEST_S = 120


@dataclass(frozen=True)
class Ended:
    """How a command ended; ``peak_bytes`` is 0 where the system does not tell how much memory it had at most."""

    code: int
    stdout: str
    stderr: str
    peak_bytes: int


class Commands:
    """Runs ``spider-opt``, or code of one's own, in folders."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to: IO[str] = process.stdin
        self._from: IO[str] = process.stdout

    def run(self, arguments: list[str], folder: Path, environment: Mapping[str, str]) -> Ended:
        return self._ended(folder, {"arguments": arguments, "environment": dict(environment)})

    def run_code(self, code: str, folder: Path) -> Ended:
        """Run what ``python -c`` would; it finds loaded what this process has loaded."""
        return self._ended(folder, {"code": code, "environment": {}})

    def _ended(self, folder: Path, told: dict[str, Any]) -> Ended:
        said = folder / ".said"
        said.mkdir(exist_ok=True)
        told |= {"folder": str(folder), "said": str(said)}
        self._to.write(json.dumps(told) + "\n")
        self._to.flush()
        ended = json.loads(self._from.readline())
        out, err = ((said / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return Ended(ended["code"], out, err, ended["peak_bytes"])


@contextmanager
def commands(*modules: str) -> Iterator[Commands]:
    """Start the process, and end it; ``modules`` are loaded once for all."""
    process = subprocess.Popen(
        [sys.executable, __file__, *modules], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Commands(process)
    finally:
        process.communicate()


def _peak_bytes() -> int:
    # What getrusage says begins with what the process had that this one was forked off.
    lines = MEMORY.read_text().splitlines() if MEMORY.exists() else []
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _in_the_child(told: Mapping[str, Any]) -> None:
    before = set(sys.modules)
    signal.alarm(LONGEST_S)
    os.chdir(told["folder"])
    os.environ.update(told["environment"])
    for stream, name in ((1, "out"), (2, "err")):
        file = os.open(f"{told['said']}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, stream)
    code: object = 70
    try:
        _run_code(told["code"]) if "code" in told else _run_command(told["arguments"])
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    if "code" not in told:
        Path(told["said"], "loaded").write_text("\n".join(set(sys.modules) - before))
    Path(told["said"], "peak").write_text(str(_peak_bytes()))
    os._exit(code if isinstance(code, int) else 71)


def _run_command(arguments: list[str]) -> None:
    from spider_opt.cli import main
    from spider_opt.models.openai import patience

    patience.FIRST_WAIT_S, patience.LAST_WAIT_S = 0.01, 0.02
    main(arguments, prog_name="spider-opt")


def _run_code(code: str) -> None:
    sys.argv[:], sys.path[0] = ["-c"], ""
    sys.modules["__main__"] = module = ModuleType("__main__")
    exec(compile(code, "<string>", "exec", dont_inherit=True), vars(module))


def _serve() -> None:
    for name in sys.argv[1:]:
        import_module(name)
    for line in sys.stdin:
        told = json.loads(line)
        peak, loaded = Path(told["said"], "peak"), Path(told["said"], "loaded")
        peak.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            _in_the_child(told)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps({"code": code, "peak_bytes": int(peak.read_text()) if peak.exists() else 0}), flush=True)
        for name in loaded.read_text().split() if loaded.exists() else ():
            with suppress(ImportError):  # some modules are put there, and cannot be imported
                import_module(name)


if __name__ == "__main__":
    _serve()
