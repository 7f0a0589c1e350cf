"""What a whole run will cost, before it is paid for: a few questions are asked, and kept for the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spider_opt import arguments
from spider_opt.errors import BudgetSpent
from spider_opt.evaluation.given import Given
from spider_opt.evaluation.pipeline import Pipeline
from spider_opt.evaluation.ready import ready
from spider_opt.evaluation.sampling import Guess, Part, parts, to_ask, total, usual_number
from spider_opt.methods import Method
from spider_opt.models import Engine
from spider_opt.progress import Progress
from spider_opt.retrieval import DEFAULT_EMBEDDER
from spider_opt.runs import Answer, RunInfo
from spider_opt.runs.costs import AMOUNTS, costs_of
from spider_opt.runs.unanswered import check_answered
from spider_opt.types import JSON, Benchmark, ChatModel, Usage
from spider_opt.wording import argument

NEAR = 0.15
"""How far the upper end of an interval may be from its estimate, as a share of that, where no more is asked."""
MOST = 1 / 3
"""Of the questions are asked, at most."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What all ``n`` questions will take, by ``asked`` of them, those that were asked already among it.

    ``amounts`` have a ``Guess`` for calls, tokens, seconds and dollars; None where it is not known, which for dollars
    ``unknown`` explains. ``spent`` is what the questions took that were asked. ``folder`` keeps their answers, None
    where nothing does.
    """

    n: int
    asked: int
    amounts: Mapping[str, Guess | None]
    spent: Usage
    unknown: str = ""
    folder: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it JSON-able."""
        told = {name: None if guess is None else _finite(asdict(guess)) for name, guess in self.amounts.items()}
        folder = None if self.folder is None else str(self.folder)
        said = {"n": self.n, "asked": self.asked, **told, "spent": self.spent.to_json(), "folder": folder}
        return said | ({"unknown": self.unknown} if self.unknown else {})

    def __repr__(self) -> str:
        return f"<Estimate of {self.n} questions by {self.asked}: {self.amounts}>"


def estimate(
    method: str | Method | Pipeline,
    benchmark: Benchmark,
    *,
    questions: int | None = None,
    model: ChatModel | str | None = None,
    base_url: str | None = None,
    engine: Engine = "llama.cpp",
    out: str | Path | Callable[[RunInfo], str | Path] | None = None,
    limit: int | None = None,
    ids: Iterable[str] | Path | None = None,
    seed: int = 0,
    concurrency: int | None = None,
    name: str | None = None,
    embedder: str = DEFAULT_EMBEDDER,
    cache: bool = True,
    record: str | Path | None = None,
    max_tokens: int | None = None,
    system: bool = True,
    extra: Mapping[str, JSON] | None = None,
    request_timeout_s: float | None = None,
    logprobs: bool = False,
    give_up: int = 0,
    allow_learnt: bool = False,
    budget: str | Sequence[str] | None = None,
    prices: str | Path | None = None,
    spans: str | None = None,
    progress: bool | Progress | None = True,
    tell: Callable[[str], None] | None = None,
) -> Estimate:
    """Ask a few of a benchmark's questions, and tell what all of them will take.

    The answers lie in the run's folder, so that ``evaluate`` with the same arguments need not ask them again. Of each
    database the first question is asked and some of the others, ``questions`` in all: by default three a database, at
    least 24, and more until the intervals of calls, tokens and dollars reach no further than 15 % from their estimates,
    or a third of all is asked. Which, the ``seed`` says. Answers that were kept from before count with what they took
    then; where all were, nothing is estimated. The other arguments are those of ``evaluate``. Seconds are those waited
    for the model, one answer after the other.

    Raises:
        UsageError, RunError, ModelError: as ``evaluate``.
        BudgetSpent: the first of these questions alone might exceed the budget.
    """
    benchmark = arguments.benchmark(benchmark)
    if questions is not None:
        said = argument("questions", option="--dry-run")
        questions = arguments.whole(questions, "questions", least=2, said=said)
    given = Given(
        model=model, base_url=base_url, engine=engine, out=out, limit=limit, ids=ids, seed=seed,
        concurrency=concurrency, name=name, embedder=embedder, cache=cache, record=record, max_tokens=max_tokens,
        system=system, extra=extra, request_timeout_s=request_timeout_s, logprobs=logprobs,
        give_up=give_up, allow_learnt=allow_learnt, budget=budget, prices=prices, spans=spans, progress=progress,
        tell=tell,
    )  # fmt: skip
    with ready(method, benchmark, given) as asking:
        all_of_them = to_ask(asking.asked.examples[: asking.given.limit])
        info = asking.plan.info

        def dollars(usages: Sequence[Usage]) -> tuple[float | None, str]:
            cost = costs_of(usages, info, 0, asking.price)
            return cost.dollars, cost.unknown

        n, told = questions or usual_number(all_of_them), None
        while True:
            found = parts(all_of_them, n, asking.given.seed)
            try:
                finished = asking.ask({name for part in found for name in part.drawn})
            except BudgetSpent:
                if told is None:
                    raise
                return told
            check_answered(finished.unanswered)
            if n < len(all_of_them) and {name for _, name, _ in all_of_them} <= asking.answered:
                n = len(all_of_them)
                continue
            told = estimated(found, finished.answers, dollars, asking.folder if asking.kept else None)
            if questions or (more := next_number(told)) <= n:
                return told
            n = more


def next_number(found: Estimate) -> int:
    """Return of how many questions to estimate next; no more than were asked where that is near enough, or many."""
    amounts = [guess for name, guess in found.amounts.items() if guess and name not in {"cached_tokens", "seconds"}]
    if all(guess.high - guess.value <= NEAR * guess.value for guess in amounts):
        return found.asked
    return max(found.asked, min(round(found.n * MOST), 2 * math.ceil(found.asked * 0.65)))


def estimated(
    found: Sequence[Part],
    answers: Sequence[Answer],
    dollars: Callable[[Sequence[Usage]], tuple[float | None, str]],
    folder: Path | None = None,
) -> Estimate:
    """Return what all questions of ``found`` take, by the answers to those of them that were drawn."""
    usages = {answer.id: answer.prediction.usage for answer in answers}
    drawn = {name: usages[name] for part in found for name in part.drawn}
    spent = sum(drawn.values(), Usage())
    paid, unknown = dollars(list(drawn.values()))
    amounts: dict[str, Guess | None] = {}
    for name in AMOUNTS:
        if (name.endswith("_tokens") and spent.untold) or (name == "dollars" and paid is None):
            amounts[name] = None
        elif name == "dollars":
            amounts[name] = total(found, {one: dollars([usage])[0] or 0.0 for one, usage in drawn.items()})
        else:
            amounts[name] = total(found, {one: float(getattr(usage, name)) for one, usage in drawn.items()})
    return Estimate(sum(len(part.ids) for part in found), len(drawn), amounts, spent, unknown, folder)


def _finite(said: dict[str, float]) -> dict[str, float | None]:
    return {name: value if value < float("inf") else None for name, value in said.items()}
