"""Answers as the files that the official tools read: test-suite-sql-eval's, BIRD's mini-dev's, and Spider 2.0's.

Source: taoyds/test-suite-sql-eval, ``evaluation.py`` (``evaluate``); bird-bench/mini_dev, ``evaluation_utils.py``
(``package_sqls``); xlang-ai/Spider2, ``spider2-lite/evaluation_suite/evaluate.py`` (``evaluate_spider2sql``, mode sql:
a file's name up to its first dot is the question's id).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_opt import arguments
from spider_opt.benchmarks.gold_results import check_has_queries
from spider_opt.errors import UsageError
from spider_opt.evaluation.answer_pairs import answer_pairs
from spider_opt.paths import write_whole
from spider_opt.runs.prediction_files import Predicted
from spider_opt.runs.prediction_files.sql_files import sql_in
from spider_opt.sql.hardness import hardness
from spider_opt.sql.lexer import Token, tokens, unquoted
from spider_opt.types import Benchmark, Example
from spider_opt.wording import argument

FORMS = ("spider", "bird", "spider2")
MANIFEST = "export.json"
NO_SQL = "NO_SQL"
"""Stands in Spider's file for an answer without SQL: to its script a blank line ends a session. It does not run."""
BIRD_MARK = "\t----- bird -----\t"
_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,199}")
_BREAKS = "\n\r\t"
_BEFORE_VALUES = frozenset((
    "select", "distinct", "all", "where", "and", "or", "not", "like", "glob", "match", "regexp", "escape", "between",
    "when", "then", "else", "case", "having", "by", "is", "on", "values", "limit", "offset",
))  # fmt: skip
_DIFFICULTY = {"easy": "simple", "medium": "moderate", "hard": "challenging", "extra": "challenging"}
_DIFFICULTIES = frozenset(_DIFFICULTY.values())


@dataclass(frozen=True, slots=True)
class Exported:
    """Files for the official tools of the form ``form``, by what they are: ``pred``, ``gold``, for BIRD ``difficulty``.

    For Spider 2.0 they are by the ids of the questions. ``indices`` are those of the questions, in the order of the
    lines. ``changed`` are those of which a break within quotes could not be kept, or what reads as a fence of code,
    ``several`` those with several right golds, of which the tools take one: the first.
    """

    folder: Path
    form: str
    files: Mapping[str, Path]
    indices: tuple[int, ...]
    changed: tuple[int, ...]
    several: tuple[int, ...]


def export(
    predictions: str | Path,
    benchmark: Benchmark,
    *,
    form: str,
    out: str | Path,
    extract: bool = False,
    field: str | None = None,
) -> Exported:
    """Write a run's answers, or those of a file that ``score`` takes, as the official tools read them.

    ``form`` is ``spider``, ``bird`` or ``spider2`` (a file ``ID.sql`` for each question, no golds); ``out`` is a
    folder: a new or an empty one, or one of an earlier export, whose files are replaced. Questions without a database
    are in none of the files but ``export.json``, which counts them.

    Raises:
        UsageError: an argument is of another kind than is due, the folder has something else in it, or a question's id
            cannot be a file's name.
        PredictionsError: the answers are not this benchmark's, or not all are there.
    """
    form = arguments.one_of(form, "form", FORMS)
    folder = arguments.path(out, "out")
    benchmark = arguments.benchmark(benchmark)
    if form != "spider2":
        check_has_queries(benchmark, "these files are of gold queries")
    field = None if field is None else arguments.text(field, "field")
    extract = arguments.yes_or_no(extract, "extract")
    pairs = answer_pairs(arguments.path(predictions, "predictions"), benchmark, extract=extract, field=field)
    return write_export(pairs, benchmark, form, folder)


def write_export(pairs: Sequence[Predicted], benchmark: Benchmark, form: str, folder: Path) -> Exported:
    """Write pairs; see ``export``.

    Raises:
        UsageError: the folder has something else in it, or a question's id cannot be a file's name.
    """
    names = _names_by_id(pairs) if form == "spider2" else _names(form, benchmark.split)
    earlier = _earlier(folder, set(names.values()))
    texts, changed = _WRITERS[form](pairs)
    indices = tuple(pair.example.index for pair in pairs)
    several = () if form == "spider2" else tuple(p.example.index for p in pairs if len(p.example.golds) > 1)
    told: dict[str, Any] = {
        "made_by": "spider-opt export",
        "as": form,
        "benchmark": benchmark.name,
        "split": benchmark.split,
        "fingerprint": benchmark.fingerprint,
        "n": len(pairs),
        "n_total": benchmark.n_total,
        "without_database": dict(benchmark.missing),
        "changed_within_quotes": list(changed),
        "first_of_several_golds": list(several),
        "files": sorted(names.values()),
        "lines": [_told(pair.example) for pair in pairs],
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / MANIFEST, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    for name in earlier - set(names.values()):
        (folder / name).unlink(missing_ok=True)
    for what, name in names.items():
        write_whole(folder / name, texts[what])
    return Exported(folder, form, {what: folder / name for what, name in names.items()}, indices, changed, several)


def one_line(sql: str) -> tuple[str, bool]:
    r"""Return a query without line breaks and tabs that says the same, and whether that was possible.

    Comments are left out. A break in a string becomes ``char()``; one in a quoted name or in what is never closed
    becomes a blank, which is another text.

    >>> one_line("SELECT a -- first\nFROM t\tWHERE b = 'x\ty'")
    ("SELECT a   FROM t WHERE b = ('x' || char(9) || 'y')", True)
    >>> one_line('SELECT "a\nb" FROM t')
    ('SELECT "a b" FROM t', False)
    """
    if not any(mark in sql for mark in _BREAKS):
        return sql.strip(), True
    pieces, whole, before = [], True, None
    for token in tokens(sql):
        if token.says_nothing:
            pieces.append(" ")
        elif not any(mark in token.text for mark in _BREAKS):
            pieces.append(token.text)
        elif _is_value(token, before):
            pieces.append(_joined(unquoted(token.text)))
        else:
            whole = False
            pieces.append("".join(" " if mark in _BREAKS else mark for mark in token.text))
        before = before if token.says_nothing else token
    return "".join(pieces).strip(), whole


def _is_value(token: Token, before: Token | None) -> bool:
    """Tell whether a token is a string where an expression may stand; elsewhere it is a name, as in AS 'a'."""
    whole = token.kind == "string" and len(token.text) > 1 and token.text.endswith("'")
    return (
        whole
        and before is not None
        and (before.text.lower() in _BEFORE_VALUES or (before.kind == "mark" and before.text not in (")", ".")))
    )


def _joined(text: str) -> str:
    """Return an expression for a text with breaks in it."""
    parts, plain = [], ""
    for mark in text:
        if mark in _BREAKS:
            parts += [_quoted(plain)] * bool(plain) + [f"char({ord(mark)})"]
            plain = ""
        else:
            plain += mark
    return f"({' || '.join(parts + [_quoted(plain)] * bool(plain))})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _told(example: Example) -> dict[str, int | str]:
    return {"index": example.index, "id": example.question.id, "db_id": example.question.db_id}


def _names(form: str, split: str) -> dict[str, str]:
    if form == "spider":
        return {"pred": "pred.txt", "gold": "gold.txt"}
    safe = "".join(mark if mark.isalnum() or mark in "-_" else "_" for mark in split) or "questions"
    return {"pred": f"predict_{safe}.json", "gold": f"{safe}_gold.sql", "difficulty": f"{safe}.jsonl"}


def _spider(pairs: Sequence[Predicted]) -> tuple[dict[str, str], tuple[int, ...]]:
    """Return the texts of Spider's files: what the script reads of a line ends at its first tab."""
    pred, gold, changed = [], [], []
    for pair in pairs:
        (sql, whole), (wanted, gold_whole) = one_line(pair.cut), one_line(pair.example.gold_sql)
        db_id = pair.example.question.db_id
        pred.append(f"{sql or NO_SQL}\t{db_id}\n")
        gold.append(f"{wanted}\t{db_id}\n")
        if not (whole and gold_whole):
            changed.append(pair.example.index)
    return {"pred": "".join(pred), "gold": "".join(gold)}, tuple(changed)


def _bird(pairs: Sequence[Predicted]) -> tuple[dict[str, str], tuple[int, ...]]:
    """Return the texts of BIRD's files; predictions stand there as they are."""
    pred, gold, levels, changed = {}, [], [], []
    for at, pair in enumerate(pairs):
        wanted, whole = one_line(pair.example.gold_sql)
        pred[str(at)] = f"{pair.sql}{BIRD_MARK}{pair.example.question.db_id}"
        gold.append(f"{wanted}\t{pair.example.question.db_id}\n")
        levels.append(json.dumps({"difficulty": difficulty(pair.example)}) + "\n")
        if not whole:
            changed.append(pair.example.index)
    texts = {"pred": json.dumps(pred, indent=1, ensure_ascii=False) + "\n", "gold": "".join(gold)}
    return texts | {"difficulty": "".join(levels)}, tuple(changed)


def _spider2(pairs: Sequence[Predicted]) -> tuple[dict[str, str], tuple[int, ...]]:
    """Return the texts of Spider 2.0's files; an answer without SQL is an empty one, which does not run."""
    texts, changed = {}, []
    for pair in pairs:
        texts[_their_id(pair.example)] = pair.sql
        if sql_in(pair.sql.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")) != pair.sql:
            changed.append(pair.example.index)
    return texts, tuple(changed)


_WRITERS = {"spider": _spider, "bird": _bird, "spider2": _spider2}


def _their_id(example: Example) -> str:
    """Return what the benchmark calls a question, else our id of it: ``score`` reads files by either."""
    return example.metadata.get("instance_id") or example.question.id


def _names_by_id(pairs: Sequence[Predicted]) -> dict[str, str]:
    """Return a file's name for each question, by its id.

    Raises:
        UsageError: an id cannot be a name, or two are one name where letter case does not count.
    """
    names: dict[str, str] = {}
    seen: dict[str, str] = {}
    for pair in pairs:
        name = _their_id(pair.example)
        if not _SAFE_NAME.fullmatch(name):
            raise UsageError(
                f"question {pair.example.index} is called {name[:80]!r}, which cannot be the name of a file that "
                "Spider 2.0's script finds: letters, digits, - and _ can be in it"
            )
        if (other := seen.setdefault(name.lower(), name)) != name or name in names:
            raise UsageError(f"questions are called {other!r} and {name!r}: their files would be one")
        names[name] = f"{name}.sql"
    return names


def difficulty(example: Example) -> str:
    """Return what BIRD calls a question's difficulty: what its file says, else by Spider's hardness of its gold."""
    said = example.metadata.get("difficulty", "")
    return said if said in _DIFFICULTIES else _DIFFICULTY[hardness(example.gold_sql) or "extra"]


def _earlier(folder: Path, names: set[str]) -> set[str]:
    """Return the files of an export that stands in the folder.

    Raises:
        UsageError: something else does.
    """
    named = f"name a new folder, {argument('out', 'DIR')}"
    if not folder.exists():
        return set()
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file: {named}")
    inside = {path.name for path in folder.iterdir()}
    if not inside:
        return set()
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        ours = (
            {name for name in told["files"] if Path(name).name == name}
            if told["made_by"] == "spider-opt export"
            else None
        )
    except (OSError, ValueError, LookupError, TypeError):
        ours = None
    if ours is None:
        raise UsageError(f"{folder} has files in it that are of no export: {named}")
    if foreign := sorted(names & inside - ours):
        raise UsageError(f"{folder / foreign[0]} is there and of no export: {named}")
    return ours
