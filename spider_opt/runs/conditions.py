"""Under which conditions a run was made, beside its method: what must be said where two runs stand side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spider_opt.models.manner import may_become
from spider_opt.runs.info import RunInfo
from spider_opt.scoring.report import NO_GOLD

# What an older run did not write down, so that nothing follows where it is not there.
_UNTOLD = frozenset({
    "weights", "adapter's form", "version", "examples by", "examples", "schemas", "questions", "code", "scorer",
    "time-out", "SQLite", "server", "databases it learnt from",
})  # fmt: skip
_OF_THE_QUESTIONS = frozenset({"schemas", "questions"})  # all that might be asked: of a sample they are others
_ALWAYS = "golds that fail"  # told also where it is the same for all
_USUAL = ("", "none", "as usual")
_TUNED = frozenset({"model", "weights", "adapter", "adapter's form"})


def how_asked(info: RunInfo) -> str:
    """Return what computed the answers, and how many of them at a time: seconds mean nothing without it.

    llama.cpp takes turns however many questions wait, but where adapters are in the weights.
    """
    if not info.steps:  # a file of somebody's answers
        return ""
    if info.endpoint or not (info.engine or info.model_sha256):
        together = f", {info.side_by_side} side by side" if info.side_by_side > 1 else ""
        if not info.model:
            return "a function"
        return f"{'endpoint' if info.endpoint or info.format == 1 else 'own code'}{together}"  # 1 names no endpoint
    if info.engine:
        return f"{info.engine}, {info.side_by_side or ''} side by side".replace(",  ", ", ")
    return "llama.cpp, one by one"


@dataclass(frozen=True, slots=True)
class AskedAs:
    """Who is to have been asked and how, in the words of ``RunInfo`` and ``models.Engine``; None where all will do."""

    endpoint: str | None = None
    engine: str | None = None
    manner: str | None = None

    def lacking(self, info: RunInfo) -> str:
        """Say what of a run is otherwise, '' where it was asked so.

        What a server turned out not to take, and where a run of an older version was asked, is not for it to say.
        """
        asked_here = bool(info.engine or info.model_sha256) and not info.endpoint
        if self.endpoint is not None and (asked_here or info.endpoint not in ("", self.endpoint)):
            return f"endpoint {info.endpoint or 'none'}, not {self.endpoint}"
        engine = info.engine.partition(" ")[0] or ("llama.cpp" if asked_here else "")
        if self.engine is not None and engine != self.engine:
            return f"engine {engine or 'none'}, not {self.engine}"
        if self.manner is not None and info.manner != self.manner and not may_become(self.manner, info.manner):
            return f"asked {info.manner or 'as usual'}, not {self.manner or 'as usual'}"
        return ""


IN_ANY_WAY = AskedAs()


def learnt_is_told(info: RunInfo) -> bool:
    """Tell whether a run says what its model had learnt; of an adapter earlier versions did not."""
    return not info.learnt_unknown and (info.format > 1 or not info.adapter_sha256)


def conditions(info: RunInfo) -> dict[str, str]:
    """Return what else a run's numbers depend on, by what it is called in a table; '' where it is not known."""
    scorer = info.scorer if info.scorer and info.scorer.mode else None  # a file of verdicts does not tell it
    return {
        "model": info.model,
        "weights": info.model_sha256[:8],
        "adapter": info.adapter_sha256[:8] or "none",
        "adapter's form": info.adapter_form[:8],
        "databases it learnt from": str(info.learnt_databases or ("none" if learnt_is_told(info) else "")),
        "engine": how_asked(info),
        "version": info.computed_by,
        "endpoint": info.endpoint or "none",
        "asked": info.manner or "as usual",
        "server": ", ".join(info.served),
        "seed": str(info.seed),
        "examples by": info.embedder if info.training or info.format == 1 else "",
        "examples": info.training[:8],
        "schemas": info.schemas[:8],
        "questions": info.questions[:8],
        _ALWAYS: str(sum(why != NO_GOLD for why in info.failed_golds.values()) or "none"),
        "code": info.code,
        "scorer": str(scorer) if scorer else "",
        "time-out": f"{scorer.timeout_s:g} s" if scorer else "",
        "SQLite": (scorer.sqlite if scorer else "") or info.versions.get("sqlite", ""),
    }


def beside_the_step(base: RunInfo, run: RunInfo) -> list[str]:
    """Say what differs between two runs beside their methods: "time-out 10 s → 5 s".

    Where one is tuned and the other is not, model and adapter are what the step changes.
    """
    is_step = ("finetune:" in base.steps) != ("finetune:" in run.steps)
    before, after = conditions(base), conditions(run)
    if not (base.steps and run.steps):  # of a file only how it was judged is known
        before = {name: before[name] for name in ("scorer", "time-out", "SQLite")}
    return [
        f"{name} {before[name]} → {after[name]}"
        for name in before
        if before[name] != after[name]
        and not (name in _OF_THE_QUESTIONS and base.sample != run.sample)
        and not (is_step and name in _TUNED)
        and not (name in _UNTOLD and not (before[name] and after[name]))
        and not (name == "version" and _kind(before) != _kind(after))
        and not (name == "engine" and _kind(before) == _kind(after) and (_is_uncounted(before) or _is_uncounted(after)))
    ]


def _kind(conditions: Mapping[str, str]) -> str:
    """Return what computed the answers, however many at a time."""
    return conditions["engine"].partition(",")[0]


def _is_uncounted(conditions: Mapping[str, str]) -> bool:
    """Tell whether questions were asked side by side, and how many of them an older run did not write down."""
    return conditions["engine"].endswith(", side by side")


def apart(infos: Sequence[RunInfo]) -> list[str]:
    """Say of each of several runs what sets it apart from the others beside what its row says: "adapter 0123abcd".

    Its method, model and engine stand in the row.
    """
    found = [conditions(info) for info in infos]
    differ = [
        name
        for name in (found[0] if found else {})
        if name == _ALWAYS or (name not in ("model", "engine") and _vary(name, found))
    ]
    return [", ".join(f"{name} {one[name]}" for name in differ if one[name] not in _USUAL) for one in found]


def _vary(name: str, found: Sequence[dict[str, str]]) -> bool:
    """Tell whether a condition differs between runs of one kind: a version of one engine, an adapter of tuned ones."""
    kinds: dict[str, set[str]] = {}
    for one in found:
        if one[name] or name not in _UNTOLD:
            kinds.setdefault(_kind(one) if name == "version" else "", set()).add(one[name])
    return any(len(values - ({"none"} if name == "adapter" else set())) > 1 for values in kinds.values())
