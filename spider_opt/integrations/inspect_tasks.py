"""Inspect AI tasks over our benchmarks: ``inspect eval spider_opt/spider``.

Inspect finds this module by the entry point group ``inspect_ai``. It asks the model itself, with ``zero-shot``'s
prompt; the scorer is ours. Gold queries are the samples' targets, which no model sees.

Not covered: methods of several calls, which ``spider-opt eval`` runs; corrected golds; test suites of another folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial, wraps
from math import nan
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import anyio.to_thread
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser, GenerateConfig
from inspect_ai.scorer import Score, Scorer, Target, accuracy, grouped, scorer, stderr
from inspect_ai.solver import TaskState, generate

from spider_opt import __version__
from spider_opt.benchmarks import load
from spider_opt.errors import GoldError, SpiderOptError
from spider_opt.integrations.asking import MAX_TOKENS, look_of, prompts
from spider_opt.integrations.judging import judged, rules_on
from spider_opt.scoring.gold_cache import GoldCache, levels
from spider_opt.scoring.report import cluster_of
from spider_opt.scoring.table import scorer_version
from spider_opt.sql.extract import extract_sql
from spider_opt.types import Benchmark, Message, Outcome, Verdict

P = ParamSpec("P")
R = TypeVar("R")
EX = "ex"
"""What EX is called among a score's values, by whatever rule; the others have their scorers' names."""


def _in_one_sentence(function: Callable[P, R]) -> Callable[P, R]:
    """Let what is wrong be said by Inspect without a traceback."""

    @wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return function(*arguments, **options)
        except SpiderOptError as error:
            raise _shown_alone(error) from error

    return call


def _shown_alone(error: SpiderOptError) -> Exception:
    try:
        from inspect_ai._util.error import PrerequisiteError
    except ImportError:  # it is no public name of Inspect's
        return error
    from rich.markup import escape

    return cast(Exception, PrerequisiteError(escape(str(error))))


@task
@_in_one_sentence
def spider(
    data: str | None = None,
    split: str | None = None,
    questions: str | None = None,
    method: str | Sequence[str] = "zero-shot",
    mode: str = "",
    timeout_s: float | None = None,
) -> Task:
    """Spider 1.0 in its official layout, by default its dev split; ``data`` is its folder, else ``SPIDER_DIR``."""
    return _task("spider", data, split, questions, True, method, mode, timeout_s)


@task
@_in_one_sentence
def spider_mini(
    split: str | None = None,
    method: str | Sequence[str] = "zero-shot",
    mode: str = "",
    timeout_s: float | None = None,
) -> Task:
    """The bundled benchmark: 125 questions on 5 databases, with nothing to download."""
    return _task("spider-mini", None, split, None, True, method, mode, timeout_s)


@task
@_in_one_sentence
def bird(
    data: str | None = None,
    split: str | None = None,
    questions: str | None = None,
    evidence: bool = True,
    method: str | Sequence[str] = "zero-shot",
    mode: str = "",
    timeout_s: float | None = None,
) -> Task:
    """BIRD as published, by BIRD's own rule; ``data`` is its folder, without ``evidence`` questions stand alone."""
    return _task("bird", data, split, questions, evidence, method, mode, timeout_s)


@task
@_in_one_sentence
def benchmark(
    name: str = "",
    data: str | None = None,
    split: str | None = None,
    questions: str | None = None,
    evidence: bool = True,
    method: str | Sequence[str] = "zero-shot",
    mode: str = "",
    timeout_s: float | None = None,
) -> Task:
    """Any benchmark that ``spider-opt data list`` has, or '' for what lies in the folder ``data``."""
    return _task(name, data, split, questions, evidence, method, mode, timeout_s)


@cache
def _loaded(name: str, data: str | None, split: str | None, questions: str | None, evidence: bool) -> Benchmark:
    named = name if split is None else f"{name}:{split}"
    if not name and split is None and data is None:
        named = "spider-mini"
    return load(named, data=data, questions=questions, evidence=evidence)


def _task(
    name: str,
    data: str | None,
    split: str | None,
    questions: str | None,
    evidence: bool,
    method: str | Sequence[str],
    mode: str,
    timeout_s: float | None,
) -> Task:
    text = method if isinstance(method, str) else ",".join(map(str, method))  # Inspect's -T cuts at commas
    look = look_of(text)
    asked = _loaded(name, data, split, questions, evidence)
    rules = rules_on(asked, mode, timeout_s)
    with_gold = [example for example in asked.examples if example.judged_by]
    hardness = levels([example.gold_sql for example in with_gold], GoldCache(None))
    samples = []
    for (example, messages), level in zip(prompts(asked, look), hardness, strict=True):
        about = {
            "db_id": example.question.db_id,
            "hardness": level or "-",
            "gold_query": cluster_of(example),  # a hash: equal for two phrasings that ask for one query
            **{key: value for key, value in example.metadata.items() if key not in ("db_id", "hardness")},
        }
        samples.append(
            Sample(
                input=[_message(message) for message in messages],
                target=list(example.golds or (example.gold_text,)),
                id=example.question.id,
                metadata=about,
            )
        )
    told = {
        "benchmark": asked.name,
        "split": asked.split,
        "fingerprint": asked.fingerprint,
        "method": text,
        "rule": rules.main,
        "scorer_version": scorer_version(rules.main),
        "spider_opt": __version__,
        "left_out": sum(asked.missing.values()) + len(asked.examples) - len(samples),
    }
    return Task(
        dataset=MemoryDataset(samples, name=f"{asked.name} {asked.split}", location=str(asked.root or asked.name)),
        solver=generate(),
        scorer=execution(name, data, split, questions, evidence, mode, timeout_s),
        config=GenerateConfig(temperature=0.0, max_tokens=MAX_TOKENS),
        metadata=told,
        version=f"{__version__}-{asked.fingerprint}",
    )


def _message(message: Message) -> ChatMessage:
    kind = ChatMessageSystem if message.role == "system" else ChatMessageUser
    return kind(content=message.content)


_ERROR = stderr(cluster="gold_query")


@scorer(
    name="execution",
    metrics={
        EX: [accuracy(), _ERROR, grouped(accuracy(), "hardness", all=False)],
        "*": [accuracy(), _ERROR],
    },
)
def execution(
    name: str = "spider-mini",
    data: str | None = None,
    split: str | None = None,
    questions: str | None = None,
    evidence: bool = True,
    mode: str = "",
    timeout_s: float | None = None,
) -> Scorer:
    """Execution accuracy by the benchmark's own rule, or by that of ``mode``; beside it what ``eval`` tells.

    The standard error counts questions of one gold query as dependent. A question whose gold query fails is unscored.
    """
    asked = _loaded(name, data, split, questions, evidence)
    rules = rules_on(asked, mode, timeout_s)
    examples = {example.question.id: example for example in asked.examples}

    async def score(state: TaskState, target: Target) -> Score:
        example = examples[str(state.sample_id)]
        sql = extract_sql(state.output.completion)
        said = await anyio.to_thread.run_sync(
            partial(judged, example, sql, Path(asked.paths[example.question.db_id]), rules)
        )
        return scored(sql, said, rules.main, state.output.stop_reason)

    return score


def scored(sql: str, said: Mapping[str, Verdict | GoldError], main: str, stopped: str | None) -> Score:
    """Return what Inspect is told of an answer; ``said`` is by scorer, ``stopped`` Inspect's reason of its end.

    It is unscored where the scorer of EX says nothing, since the gold query fails.
    """
    verdict = said[main]
    if isinstance(verdict, GoldError):
        return Score.unscored(reason="scoring_failed", answer=sql, explanation=str(verdict))
    values = {
        EX if name == main else name: float(one.metric) if isinstance(one, Verdict) else nan
        for name, one in said.items()
    }
    outcome = verdict.outcome
    if stopped == "content_filter" and not sql:
        outcome = Outcome.REFUSED
    told = {
        "outcome": outcome.value,
        "cut": stopped == "max_tokens",
        "details": {name: one.detail if isinstance(one, Verdict) else str(one) for name, one in said.items()},
    }
    return Score(value=values, answer=sql, explanation=f"{outcome.value}: {verdict.detail}", metadata=told)
