"""Our verdicts against those of the user's own copy of the official script, one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spider_opt import arguments
from spider_opt.benchmarks.gold_results import check_has_queries
from spider_opt.cache_use import cache_in_use
from spider_opt.errors import UsageError
from spider_opt.evaluation.answer_pairs import answer_pairs
from spider_opt.evaluation.exporting import write_export
from spider_opt.evaluation.official_scripts import Script, linked, verdicts_of
from spider_opt.evaluation.scoring_files import judge_pairs, shown_late
from spider_opt.progress import Progress, display
from spider_opt.runs.prediction_files import Predicted
from spider_opt.scoring import Rules
from spider_opt.scoring.exact_match.names import tables_entry
from spider_opt.scoring.suite_files import suite_files
from spider_opt.sql.lexer import tokens
from spider_opt.temporary import temporary_folder
from spider_opt.types import Benchmark
from spider_opt.wording import argument, counted

METRICS = ("exec", "match", "ex", "f1")
_CLOSE = 1e-6
_STATEMENTS = frozenset(
    ("alter", "analyze", "attach", "begin", "commit", "create", "delete", "detach", "drop", "end", "explain", "insert",
     "pragma", "reindex", "release", "replace", "rollback", "savepoint", "update", "vacuum")
)  # fmt: skip
_WRITES = frozenset(("insert", "update", "delete", "replace"))


@dataclass(frozen=True, slots=True)
class Difference:
    """A verdict that differs. ``ours`` is None where our gold fails, ``theirs`` where the script gave none: ``why``."""

    index: int
    id: str
    db_id: str
    metric: str
    ours: bool | float | None
    theirs: bool | float | None
    why: str

    def __str__(self) -> str:
        shown = {None: "none", True: "right", False: "wrong"}
        ours, theirs = (
            shown.get(said, said) if not isinstance(said, float) else said for said in (self.ours, self.theirs)
        )
        why = f"  ({self.why})" if self.why else ""
        return f"question {self.index} ({self.db_id}), {self.metric}: ours {ours}, theirs {theirs}{why}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of it: how many verdicts of each metric were compared, and which differ.

    ``not_run`` are questions that were not given to the script, since their answer or gold does more than read.
    """

    script: str
    compared: Mapping[str, int]
    different: tuple[Difference, ...]
    not_run: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as a program reads it."""
        different = [{name: getattr(one, name) for name in one.__slots__} for one in self.different]
        told = {"script": self.script, "compared": dict(self.compared), "different": different}
        return told | {"not_run": list(self.not_run)}

    def __str__(self) -> str:
        said = [str(one) for one in self.different]
        for metric, n in self.compared.items():
            same = n - sum(one.metric == metric for one in self.different)
            said.append(f"{metric}: {same:,} of {counted(n, 'verdict')} the same, by {self.script}")
        if self.not_run:
            which = ", ".join(map(str, self.not_run[:10])) + (" …" if len(self.not_run) > 10 else "")
            said.append(f"not given to the script, since they do more than read: {which}")
        return "\n".join(said)


def verify(
    predictions: str | Path,
    benchmark: Benchmark,
    *,
    official: str | Path,
    form: str | None = None,
    metrics: Sequence[str] | None = None,
    suite: str | Path | None = None,
    keep_distinct: bool = False,
    plug_value: bool = False,
    python: str | Path | None = None,
    timeout_s: float = 60.0,
    extract: bool = False,
    field: str | None = None,
    progress: bool | Progress | None = False,
) -> Verification:
    """Judge answers by the user's own copy of the official script, and compare each verdict with ours.

    ``official`` is the folder of the script: test-suite-sql-eval or Spider's first one (``form`` spider; ``metrics``
    ``exec`` and ``match``, both by default), or BIRD's mini_dev (bird; ``ex``, or ``f1``). ``python`` runs it, by
    default that of the folder's ``.venv``, else this one; ``timeout_s`` is the time for one question. Databases are
    shown to it, not copied, and only what reads is given to it. Nothing is written outside of a temporary folder.

    Raises:
        UsageError: an argument is of another kind than is due, there is no script, or what it needs is not installed.
        PredictionsError: the answers are not this benchmark's, or not all are there.
        DatasetError: a database or a suite cannot be read.
    """
    folder, benchmark = arguments.path(official, "official"), arguments.benchmark(benchmark)
    check_has_queries(benchmark, "these scripts judge by gold queries")
    timeout_s = arguments.number(timeout_s, "timeout_s", above=True)
    asked = [] if metrics is None else arguments.texts(metrics, "metrics")
    for metric in asked:
        arguments.one_of(metric, "metrics", METRICS)
    form = None if form is None else arguments.one_of(form, "form", ("spider", "bird"))
    python = None if python is None else str(arguments.path(python, "python"))
    script = Script.find(folder, form, python, f1="f1" in asked)
    scorers = _scorers(script, asked, suite is not None, keep_distinct, plug_value)
    pairs = answer_pairs(arguments.path(predictions, "predictions"), benchmark, extract=extract, field=field)
    # The script takes one gold; where several are right it is the first, for ours too.
    pairs = [replace(pair, example=replace(pair.example, other_golds=())) for pair in pairs]
    given = [pair for pair in pairs if _only_reads(pair.sql) and _only_reads(pair.example.gold_sql)]
    judged = {pair.example.index for pair in given}
    not_run = tuple(pair.example.index for pair in pairs if pair.example.index not in judged)
    suites = str(arguments.path(suite, "suite").absolute()) if suite is not None else ""
    with cache_in_use(), temporary_folder() as work, ExitStack() as shown:
        show = display(progress)
        job = _job(given, benchmark, script, scorers, suites, work)
        job["flags"] = ["keep_distinct"] * keep_distinct + ["plug_value"] * plug_value
        names = tuple(scorers.values())
        report = judge_pairs(benchmark, given, Rules(names[0], metrics=names[1:], suite=suites))
        ours = {scored.index: scored.metrics for scored in report.scored}
        on_verdict = shown_late(lambda: shown.enter_context(show("official script", len(given))))
        theirs = verdicts_of(script, job, work, timeout_s, on_verdict) if given else []
    different, n_compared = [], dict.fromkeys(scorers, 0)
    for pair, told in zip(given, theirs, strict=True):
        for metric, name in scorers.items():
            n_compared[metric] += 1
            own = ours.get(pair.example.index, {}).get(name)
            said = told.get("said", {}).get(metric)
            if own is None and said is None:  # the gold fails for both
                continue
            if own is None or said is None or abs(float(own) - float(said)) > _CLOSE:
                x = pair.example
                shown_as = said if said is None or metric == "f1" else bool(said)
                why = str(told.get("error", "")) or ("our gold query fails" if own is None else "")
                different.append(Difference(x.index, x.question.id, x.question.db_id, metric, own, shown_as, why))
    return Verification(str(script.path), n_compared, tuple(different), not_run)


def _scorers(
    script: Script, asked: Sequence[str], on_suites: bool, keep_distinct: bool, plug_value: bool
) -> dict[str, str]:
    """Return our scorers by the names of the script's metrics.

    Raises:
        UsageError: it has none of such a name, or not such options.
    """
    if script.form == "bird":
        known = {"f1": "bird-f1"} if "f1" in asked else {"ex": "bird"}
    elif script.is_old:
        known = {"exec": "old-spider", "match": "match"}
    else:
        options = "-distinct" * keep_distinct + "-plug-value" * plug_value
        in_suites = on_suites or options == "-distinct-plug-value"
        known = {"exec": f"{'suite' if in_suites else 'official'}{options}", "match": "match"}
    if (keep_distinct or plug_value or on_suites) and (script.form == "bird" or script.is_old):
        raise UsageError(f"{script.path} knows no test suites, and no flags for DISTINCT and values: leave them out")
    if wrong := [name for name in asked if name not in known]:
        there = argument("metrics", next(iter(known)), option="--metric")
        raise UsageError(f"{script.path} gives {' and '.join(known)}, not {wrong[0]}: ask for {there} alone")
    return {name: scorer for name, scorer in known.items() if not asked or name in asked}


def _job(
    pairs: Sequence[Predicted], benchmark: Benchmark, script: Script, scorers: Mapping[str, str], suite: str, work: Path
) -> dict[str, Any]:
    """Write what the script is to read, and return what the driver must know."""
    made = write_export(pairs, benchmark, script.form, work / "export")
    read = {what: path.read_text(encoding="utf-8") for what, path in made.files.items()}
    db_ids = [pair.example.question.db_id for pair in pairs]
    paths = {db_id: benchmark.paths[db_id] for db_id in db_ids}
    on_suites = any(name.startswith("suite") for name in scorers.values())
    files: Mapping[str, Sequence[Path]] = {db_id: (path,) for db_id, path in paths.items()}
    if on_suites:
        files = suite_files(paths, Path(suite) if suite else None)
    linked(files, work / "database")
    job: dict[str, Any] = {"db_ids": db_ids, "databases": str(work / "database")}
    if script.form == "bird":
        job |= {"pred": list(json.loads(read["pred"]).values()), "gold": _lines(read["gold"])}
        return job | {"difficulty": _lines(read["difficulty"]), "etype": next(iter(scorers))}
    job |= {what: text.split("\n")[:-1] for what, text in read.items()}
    job["etype"] = "all" if len(scorers) > 1 else next(iter(scorers))
    job["tables"] = {}
    for number, (db_id, path) in enumerate(sorted(paths.items())):
        file = work / f"tables_{number}.json"
        file.write_text(json.dumps([tables_entry(path, db_id)]), encoding="utf-8")
        job["tables"][db_id] = str(file)
    return job


def _lines(text: str) -> list[str]:
    r"""Return the lines of a text as a script reads them from a file: other marks than these break none.

    >>> _lines("a\u2028b\nc\n")
    ['a\u2028b\n', 'c\n']
    """
    return [f"{line}\n" for line in text.split("\n")[:-1]]


def _only_reads(sql: str) -> bool:
    """Tell whether a text does nothing to a database or to files, however the script changes it.

    >>> [_only_reads(sql) for sql in ("SELECT 1", "with a as (select 1) delete from t", "; drop table t", "nothing")]
    [True, False, False, True]
    """
    words = [token.text.lower() for token in tokens(sql) if not token.says_nothing]
    first = next((word for word in words if word not in (";", "distinct", "(")), "")
    if first == "with":
        following = zip(words, [*words[1:], ""], strict=True)
        return not any(word in _WRITES and after != "(" for word, after in following)
    return first not in _STATEMENTS
