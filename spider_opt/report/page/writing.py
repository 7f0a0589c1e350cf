"""Writes a page into a folder: ``index.html``, what it is drawn by, and the data in script files.

A page on disk cannot fetch, but it can load scripts: the numbers are one, the questions stand in several, each of which
is loaded when one of its questions is opened, and what changed by slices between two runs is one. The folder is written
whole, or left as it was.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from spider_opt import __version__, arguments
from spider_opt.errors import UsageError
from spider_opt.paths import write_bytes_whole, write_whole
from spider_opt.progress import Progress, display
from spider_opt.report.page.data import ReportData, report_data
from spider_opt.report.page.records import MOST_TEXT
from spider_opt.report.page.results import cut
from spider_opt.runs import Run
from spider_opt.types import Benchmark
from spider_opt.wording import argument

INDEX, NUMBERS, TEXTS, TABLE = "index.html", "data/numbers.js", "data/texts.js", "questions.csv"
MADE_BY = f'<meta name="generator" content="spider-opt {__version__} report">'
_MARK = 'content="spider-opt '
SCRIPTS = (
    "vendored/vega.min.js", "vendored/vega-lite.min.js", "vendored/vega-interpreter.js", "base.js", "charts.js",
    "overview.js", "slices.js", "weak.js", "confidence.js", "compare.js", "browse.js", "question.js", "main.js",
)  # fmt: skip
OTHERS = ("page.css", "vendored/LICENSE")
CHUNK_BYTES = 200_000
MOST_SEARCHED = 2_000
"""Characters of a query that the search looks at."""


def write_report(
    runs: Sequence[Run | Path | str],
    out: str | Path,
    *,
    benchmark: Benchmark | None = None,
    table: str | Path | None = None,
    progress: bool | Progress | None = False,
) -> Path:
    """Write a page about runs of one benchmark into the folder ``out``, and return its ``index.html``.

    It opens from disk, without a server and without a network. With a ``benchmark`` it shows questions, gold queries
    and what queries give, which is the benchmark's text: it is nowhere else than in ``out``. Beside the page lies
    ``questions.csv``, a row for each answer; ``table`` is a further file of that, CSV or Parquet by its name. A folder
    that is there is replaced where it holds such a page. It is what ``spider-opt report RUN --out DIR`` calls.

    Raises:
        UsageError: an argument is of another kind than is due, the runs were asked different benchmarks, ``out`` holds
            something else, or a package is missing (the extra ``report``; for Parquet ``parquet``).
        RunError: a folder holds no run, or an unfinished one.
        OSError: it cannot be written.
    """
    out = arguments.path(out, "out")
    benchmark = None if benchmark is None else arguments.benchmark(benchmark)
    write_table = None if table is None else _table(arguments.path(table, "table"))
    shown_by = display(progress)
    if isinstance(runs, str | Path | Run) or not isinstance(runs, Sequence):
        raise arguments.wrong(runs, "runs", "a list of runs, or of their folders")
    read = [run if isinstance(run, Run) else Run.read(run, benchmark) for run in runs]
    found = report_data(read, benchmark, progress=progress)
    template = _template()
    check_out(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = Path(mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        part.chmod(0o755)
        _ = found.reasons  # judges candidates, with a display of its own
        with ExitStack() as shown:
            n = len(found.runs)
            steps = n + len(found.indices) + n * (n - 1) // 2
            advance = shown.enter_context(shown_by("writing the page", steps))
            _write(found, part, template, advance)
        frame = found.frame()
        write_whole(part / TABLE, frame.to_csv(index=False, lineterminator="\n"))
        _put(part, out)
        if write_table is not None:  # last, since it may lie in the folder
            write_table(frame)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out / INDEX


def check_out(out: Path) -> None:
    """Make sure that a folder may be written: it is not there, is empty, or holds a page.

    Raises:
        UsageError: it holds something else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    index = out / INDEX
    if not index.is_file() or _MARK not in index.read_text(encoding="utf-8", errors="replace")[:2000]:
        what = "holds something else than a page of spider-opt" if out.is_dir() else "is a file"
        raise UsageError(f"{out} {what}: name another folder")


def _write(found: ReportData, folder: Path, template: Any, advance: Callable[[], None]) -> None:
    (folder / "data").mkdir()
    (folder / "assets" / "vendored").mkdir(parents=True)
    static = files("spider_opt.report.page") / "static"
    for name in (*SCRIPTS, *OTHERS):
        (folder / "assets" / name).write_bytes(static.joinpath(name).read_bytes())
    summary = found.summary(advance)
    chunks: list[int] = []
    texts: list[list[str]] = []
    waiting: list[str] = []
    schemas: dict[str, Any] = {}
    bases: list[str] = []
    size = number = 0

    def close() -> None:
        nonlocal waiting, schemas, bases, size, number
        if waiting:
            body = f"{{schemas: {script(schemas)}, prompts: {script(bases)}, records: [{','.join(waiting)}]}}"
            _text(folder / "data" / f"questions-{number:03}.js", f"page.chunk({number}, {body});\n")
            waiting, schemas, bases, size, number = [], {}, [], 0, number + 1

    for record in found.records():
        if schema := found.schema(record["index"]):
            schemas[schema[0]] = schema[1]
        for answer in filter(None, record["answers"]):
            if answer["prompt"] is not None:
                answer["prompt"] = _against(bases, cut(answer["prompt"], MOST_TEXT))
        waiting.append(script(record))
        size += len(waiting[-1])
        chunks.append(number)
        texts.append(_searched(record))
        if size > CHUNK_BYTES:
            close()
        advance()
    close()
    summary["questions"]["chunk"] = chunks
    _text(folder / NUMBERS, f"page.numbers({script(summary)});\n")
    _text(folder / TEXTS, f"page.texts({script(texts)});\n")
    for base, run, sliced in found.pair_slices(summary["pairs"]):
        _text(folder / "data" / f"pair-{base}-{run}.js", f"page.pair({base}, {run}, {script(sliced)});\n")
        advance()
    html = template.render(
        summary=summary, scripts=SCRIPTS, made_by=MADE_BY, version=__version__, numbers=NUMBERS, table=TABLE
    )
    _text(folder / INDEX, html)


def script(value: Any) -> str:
    r"""Return a value as JSON that may stand in a script, and in a page: all but ASCII is escaped, ``<`` too.

    >>> print(script({"a": "</script>\u2028"}))
    {"a":"\u003c/script>\u2028"}
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _against(bases: list[str], prompt: str) -> list[Any]:
    """Return a prompt as what it shares with a prompt of before: which one, how many characters, and what follows.

    Prompts about one database begin alike, with its schema.

    >>> bases = ["schema of a zoo: how many?"]
    >>> _against(bases, "schema of a zoo: which?")
    [0, 17, 'which?']
    """
    shared = [_shared(base, prompt) for base in bases]
    best = max(range(len(bases)), key=shared.__getitem__, default=0)
    if not bases or shared[best] < len(prompt) // 2:
        bases.append(prompt)
        return [len(bases) - 1, len(prompt), ""]
    return [best, shared[best], prompt[shared[best] :]]


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginnings."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if other.startswith(one[:middle]) else (low, middle - 1)
    return low


def _searched(record: dict[str, Any]) -> list[str]:
    golds = [gold["sql"] for gold in record.get("golds", ())]
    return [sql[:MOST_SEARCHED] for sql in dict.fromkeys([*golds, *(query["sql"] for query in record["queries"])])]


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def _put(part: Path, out: Path) -> None:
    """Put a finished folder where it belongs, in place of one that is there."""
    if out.exists():
        old = Path(mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
        out.rename(old / out.name)
        try:
            part.rename(out)
        except BaseException:  # Ctrl-C, too
            (old / out.name).rename(out)
            old.rmdir()
            raise
        shutil.rmtree(old, ignore_errors=True)
    else:
        part.rename(out)


def _template() -> Any:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise UsageError(f"a page needs jinja2 ({error}): pip install 'spider-opt[report]'") from error
    loader = PackageLoader("spider_opt.report.page")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("index.html.j2")


def _table(path: Path) -> Callable[[Any], None]:
    """Return what writes a table to a file, by its name.

    Raises:
        UsageError: it is neither CSV nor Parquet, or what writes Parquet is not installed.
    """
    kind = path.suffix.lower()
    if kind == ".csv":
        return lambda frame: write_whole(path, frame.to_csv(index=False, lineterminator="\n"))
    if kind != ".parquet":
        raise UsageError(f"{path} is no table's name: {argument('table')} is a file that ends in .csv or .parquet")
    if find_spec("pyarrow") is None:
        raise UsageError(f"{path} needs pyarrow: pip install 'spider-opt[parquet]', or name a .csv file") from None
    return lambda frame: write_bytes_whole(path, frame.to_parquet(index=False))
