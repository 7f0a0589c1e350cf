"""How runs and files of verdicts that were judged otherwise come to be judged alike: the command that does it."""

from __future__ import annotations

import shlex

from spider_opt.benchmarks.corrections import shipped
from spider_opt.benchmarks.loading import NO_EVIDENCE
from spider_opt.benchmarks.table import benchmark_names, source_named
from spider_opt.benchmarks.validation import QUERY_SPLIT
from spider_opt.runs import Run, ScoredBy
from spider_opt.scoring.rules import CORRECTED
from spider_opt.scoring.table import SUITES, scorer_version, timeout_for
from spider_opt.wording import argument, either


def judged_alike(base: Run, run: Run, metric: str | None) -> str:
    """Return what to type, or do, so that two runs are judged alike by a metric, by EX for None."""
    for one, other in ((run, base), (base, run)):
        if _can_be_judged(one) and other.scorer.version in ("", scorer_version(other.scorer.rules.main)):
            return either("evaluate one of them again", f"{command(one, other.scorer, metric)} judges it again")
    both = [command(one, base.scorer, metric) for one in (run, base) if _can_be_judged(one)]
    return either("evaluate both again", f"{' and '.join(both)} judge both again")


def judged_by(run: Run, metric: str) -> str:
    """Return what to type, or do, so that a run is judged by a metric, too."""
    if _can_be_judged(run) or not run.called:
        typed = f"{command(run, run.scorer, metric)} does it"
    else:  # a file of predictions, judged just now
        typed = f"add {argument('corrections', 'FILE') if metric == CORRECTED else argument('metric', metric)}"
    return either(f"evaluate it again with metrics=[{metric!r}]", typed)


def command(run: Run, by: ScoredBy, metric: str | None) -> str:
    """Return the command that judges a run, or the predictions that a file of verdicts is of, as another was.

    That is by EX where ``metric`` is None or that of corrected golds, and else by ``metric`` beside the run's own EX. A
    metric that it has stays. DIR, FILE and PREDICTIONS stand for what is not written down.
    """
    was = run.scorer
    main = by if metric in (None, CORRECTED) else was
    known = [] if run.folder else was.metrics  # what a folder has stays there
    asked = metric if metric in SUITES else main.mode if main.mode in SUITES else None
    of_suites = asked or next((name for name in known if name in SUITES), None)
    distinct = by.keep_distinct if asked == "suite" else main.keep_distinct
    metrics = [*([metric] if metric not in (None, CORRECTED) else []), *known]
    mode = main.rules.main
    options = {**_benchmark(run), "mode": mode, "keep-distinct": distinct and mode != "official-distinct"}
    options["metric"] = ",".join(dict.fromkeys(name for name in metrics if name != mode))
    if of_suites:
        options |= {"suite": "DIR", "plug-value": of_suites == "suite" and (by if asked else was).plug_value}
    if metric == CORRECTED:
        name = by.corrections.rpartition(" ")[0]
        options["corrections"] = name if name in shipped() else "FILE"
    if main.timeout_s and main.timeout_s != timeout_for(mode, None):
        options["timeout"] = f"{main.timeout_s:g}"
    options |= {"update": True} if run.folder else {"out": run.where}
    words = [word for name, value in options.items() if value for word in (f"--{name}", value)]
    return shlex.join(["spider-opt", "score", str(run.folder or "PREDICTIONS"), *(w for w in words if w is not True)])


def _can_be_judged(run: Run) -> bool:
    """Tell whether it is a run folder, or a file of verdicts."""
    return run.folder is not None or (run.benchmark is None and bool(run.called))


def _benchmark(run: Run) -> dict[str, str | bool]:
    """Return the options that say which benchmark a run is of; none where that is not known."""
    name, split = run.info.benchmark, run.info.split.removesuffix(NO_EVIDENCE)
    evidence = "no" if run.info.split.endswith(NO_EVIDENCE) and run.folder is None else ""
    if name not in benchmark_names():
        return {"data": "DIR", "split": split, "evidence": evidence} if name else {}
    source = source_named(name)
    if source.over:
        return {"benchmark": name, "data": source.over.upper(), "questions": "FILE", "evidence": evidence}
    where = {"spider": "DIR"} if name == "spider" else {"benchmark": name, "data": "" if source.root else "DIR"}
    if split in (source.default, source.default + QUERY_SPLIT):
        return {**where, "evidence": evidence}
    known = split.removesuffix(QUERY_SPLIT) in (*source.splits, *source.aliases)
    return {**where, **({"split": split} if known else {"questions": "FILE"}), "evidence": evidence}
