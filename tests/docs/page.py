"""The code blocks of a document, and running them: ``python page.py DOCUMENT`` in an empty folder.

``python page.py --python DOCUMENT`` prints its Python, as one script.

Above a block may stand ``<!-- not run: why -->``, or ``<!-- file: path -->``, which has it written there, or
``<!-- line of: path -->``, which has it put into the first table of that file. A block of ``sh`` or ``python`` is run;
blocks of Python on a page share their names, as if it were one script. A block of ``text`` right below one that was run
is what that prints, where … stands for anything.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(?:<!-- (not run|file|line of): ([^\n]*?) -->\n+)?```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RUN = ("sh", "python")
CHECKER = doctest.OutputChecker()
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, what is said above it, and what it prints where the page shows that."""

    line: int
    language: str
    text: str
    not_run: str = ""
    file: str = ""
    line_of: str = ""
    prints: str | None = None

    @property
    def runs(self) -> bool:
        return self.language in RUN and not (self.not_run or self.file or self.line_of)


def blocks(document: Path) -> list[Block]:
    """Return the blocks of a document in order; those of text that say what is printed are part of the one above."""
    text = document.read_text(encoding="utf-8")
    found: list[Block] = []
    end = -1
    for match in FENCE.finditer(text):
        mark, value, language, body = match.groups()
        below = not text[end : match.start()].strip() and bool(found)
        line = text.count("\n", 0, match.start(3)) + 1
        end = match.end()
        if language == "text" and below and found[-1].runs and found[-1].prints is None:
            last = found.pop()
            found.append(Block(last.line, last.language, last.text, prints=body))
        else:
            found.append(Block(line, language, body, **({mark.replace(" ", "_"): value} if mark else {})))
    return found


def run(document: Path) -> Iterator[str]:
    """Run the blocks of a document in this folder; yield what is wrong, after which nothing more is run."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(document):
        where = f"{document.name}, line {block.line}"
        if block.file:
            path = Path(block.file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        if block.line_of:
            path = Path(block.line_of)
            head, table, rest = path.read_text(encoding="utf-8").partition(" = {\n")
            path.write_text(head + table + block.text + rest, encoding="utf-8")
        if not block.runs:
            continue
        printed, failure = _python(block.text, names) if block.language == "python" else _shell(block.text)
        if failure:
            yield f"{where}: {failure}\n{printed}"
            return
        if block.prints is not None:
            wanted = block.prints.replace("…", "...")
            if not CHECKER.check_output(wanted, printed, FLAGS):
                yield f"{where} prints\n{printed}\nbut the page says\n{block.prints}"
                return


def _python(source: str, names: dict[str, Any]) -> tuple[str, str]:
    """Return what the source printed, and its traceback where it failed."""
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(source, "<block>", "exec"), names)
    except Exception:
        return out.getvalue(), traceback.format_exc()
    return out.getvalue(), ""


def _shell(source: str) -> tuple[str, str]:
    """Return what bash printed, and what it complained of where it failed."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", source], capture_output=True, text=True, check=False)
    return done.stdout, f"exit {done.returncode}\n{done.stderr}" if done.returncode else ""


def python_of(document: Path) -> str:
    """Return what Python a document has, as one script."""
    return "\n".join(block.text for block in blocks(document) if block.runs and block.language == "python")


if __name__ == "__main__":
    if sys.argv[1] == "--python":
        print(python_of(Path(sys.argv[2])))
        sys.exit()
    sys.path.insert(0, str(Path.cwd()))
    if wrong := next(run(Path(sys.argv[1])), None):
        sys.exit(wrong)
