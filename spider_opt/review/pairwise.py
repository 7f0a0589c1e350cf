"""Two runs judged against each other by a model, both orders asked: the talk's "rank by a stronger model".

Source: OpenAI, "A Survey of Techniques for Maximizing LLM Performance" (DevDay 2023); that the order must be swapped:
Zheng et al. 2023, Judging LLM-as-a-Judge (arXiv:2306.05685), §3.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spider_opt import arguments
from spider_opt.analysis.comparing import change, check_comparable
from spider_opt.analysis.paired import Paired
from spider_opt.databases import DatabasePool
from spider_opt.errors import ModelError, UsageError
from spider_opt.progress import Progress, display
from spider_opt.prompts.judging import ask_judge, read_verdict
from spider_opt.review.agreement import Estimate, share, with_interval
from spider_opt.review.answers import Judged, drawn, judged_answers, labels_of, read_runs
from spider_opt.review.judging import PLAINLY, JudgeAsked, answer_parts, gold_parts, opened, question_parts, replies_to
from spider_opt.review.summary import majority_of
from spider_opt.runs import Run
from spider_opt.runs.labels import Drawn
from spider_opt.types import Benchmark, ChatModel, Message
from spider_opt.wording import counted

WORDS = ("first", "second", "equal")


@dataclass(frozen=True, slots=True)
class Beside:
    """What the judge chose where another tells the two answers apart: as that does, the other way, or neither."""

    same: int
    other: int
    tied: int

    @property
    def n(self) -> int:
        """How many there are."""
        return self.same + self.other + self.tied

    def __str__(self) -> str:
        return f"{self.same} as it, {self.other} the other way, {self.tied} tied, n={self.n}"


@dataclass(frozen=True, slots=True)
class Pairwise:
    """Which of two runs a judge prefers.

    ``won``, ``lost`` and ``tied`` count questions for ``first`` against ``second``; an answer wins that is preferred in
    both orders, and ``alike`` of the ties are the same query, of which nobody was asked. ``win_rate`` is in percent, a
    tie counting half. ``first_place`` is the share of replies for the answer shown first among those for one of the two
    (50 without a position bias); ``contradicted`` are questions on which both orders chose one place. Of the
    ``n_asked`` requests ``unread`` ones had no verdict on their first line, and ``unanswered`` ones no reply, the first
    of them for the ``error``. ``change`` is EX of first less that of second on the same questions. ``with_ex`` and
    ``with_people`` are what EX and people say.
    """

    judge: str
    first: str
    second: str
    n: int
    won: int
    lost: int
    tied: int
    alike: int
    win_rate: Estimate
    first_place: Estimate
    contradicted: int
    n_asked: int
    unread: int
    unanswered: int
    error: ModelError | None
    change: Paired | None
    with_ex: Beside
    with_people: Beside

    def to_json(self) -> dict[str, Any]:
        """Return it as a program reads it."""
        told = {name: getattr(self, name) for name in self.__slots__}
        told["error"] = self.error and str(self.error)
        for name in ("win_rate", "first_place"):
            told[name] = told[name].to_json()
        for name in ("with_ex", "with_people"):
            told[name] = {kind: getattr(told[name], kind) for kind in ("same", "other", "tied")}
        if self.change is not None:
            change = {name: getattr(self.change, name) for name in self.change.__slots__}
            told["change"] = {name: None if math.isnan(value) else value for name, value in change.items()}
        return told

    def __str__(self) -> str:
        lines = [
            f"{self.judge} on {self.first} against {self.second}, {counted(self.n, 'question')}: "
            f"{self.won} won, {self.lost} lost, {self.tied} tied ({self.alike} are the same query)",
            f"win rate of {self.first}, % (a tie is a half): {self.win_rate.shown()}",
        ]
        if left_out := self.alike + self.n_asked // 2 - self.n:
            lines.append(f"left out, without a verdict in both orders: {counted(left_out, 'question')}")
        if self.change is not None:
            found = self.change
            span = "" if math.isnan(found.low) else f" ({found.low:+.1f} to {found.high:+.1f})"
            lines.append(
                f"EX on the same questions: {found.change:+.1f} points{span}, {found.won} won, {found.lost} lost"
            )
        lines += [
            f"where EX tells the two apart, the judge chose: {self.with_ex}",
            f"where people do: {self.with_people}" if self.with_people.n else "where people do: no answer has a label",
            f"of its choices, % for what was shown first: {self.first_place.shown()}; both orders chose one place: "
            f"{self.contradicted}",
            "intervals: 95 %, by gold queries",
        ]
        return "\n".join(lines)


def judge_pairs(
    first: Run | Path | str,
    second: Run | Path | str,
    benchmark: Benchmark,
    model: ChatModel | str,
    *,
    how: JudgeAsked = PLAINLY,
    n: int | None = None,
    only: Drawn = "all",
    seed: int = 0,
    gold: bool = False,
    progress: bool | Progress | None = False,
) -> Pairwise:
    """Ask a model which of two runs' answers is better, each question twice with the order swapped.

    Of the same query nothing is asked: it ties. Where a reply has no verdict, or there is none, the question does not
    count. What was asked before is taken from the cache, so the same call goes on where it was stopped.

    Raises:
        UsageError, RunError: as ``write_sheet``; the runs have no question in common, or were scored otherwise.
        ModelUnavailable: nothing answers there.
    """
    read = read_runs([first, second], benchmark)
    check_comparable(read[1], read[0])
    gold = arguments.yes_or_no(gold, "gold")
    n = None if n is None else arguments.whole(n, "n", least=1)
    answers = judged_answers(read)
    questions = {one.example.index for one in drawn(answers, n=n, only=only, seed=arguments.seed(seed), n_runs=2)}
    pairs = {index: (a, b) for index, (a, b) in _pairs(answers).items() if index in questions}
    if not pairs:
        raise UsageError(f"{read[0].where} and {read[1].where} have none of these questions in common")
    asked = {index: pair for index, pair in pairs.items() if pair[0] is not pair[1]}
    judge, said, unread, errors = _ask(asked, benchmark, model, how, seed, gold, progress)
    labels = {key: majority_of(found) for key, found in labels_of(read, answers).items()}
    scores: dict[int, float] = {index: 0.5 for index, (a, b) in pairs.items() if a is b}
    places: dict[int, list[float]] = {}
    contradicted = 0
    for index in asked:
        orders = said.get((index, 0)), said.get((index, 1))
        if None in orders:
            continue
        chosen = {("first", "second"): 1.0, ("second", "first"): 0.0}
        scores[index] = chosen.get((str(orders[0]), str(orders[1])), 0.5)
        contradicted += orders[0] == orders[1] != "equal"
        decided = [word for word in orders if word != "equal"]
        places[index] = [float(decided.count("first")), float(len(decided))]
    cluster = {index: a.cluster for index, (a, _) in pairs.items()}
    apart = {index: (pair, scores[index]) for index, pair in asked.items() if index in scores}
    right = {"right": True, "wrong": False}
    n_decided = int(sum(n for _, n in places.values()))
    return Pairwise(
        judge=judge,
        first=read[0].name,
        second=read[1].name,
        n=len(scores),
        won=sum(score == 1 for score in scores.values()),
        lost=sum(score == 0 for score in scores.values()),
        tied=sum(score == 0.5 for score in scores.values()),
        alike=len(pairs) - len(asked),
        win_rate=with_interval([[s, 1.0] for s in scores.values()], [cluster[i] for i in scores], share, seed=seed),
        first_place=with_interval([*places.values()], [cluster[i] for i in places], share, n=n_decided, seed=seed),
        contradicted=contradicted,
        n_asked=2 * len(asked),
        unread=unread,
        unanswered=len(errors),
        error=next(iter(errors), None),
        change=change(read[1], read[0], set(scores)) if scores else None,
        with_ex=_beside(apart.values(), lambda one: one.correct),
        with_people=_beside(apart.values(), lambda one: right.get(labels.get(one.key) or "")),
    )


def _pairs(answers: Sequence[Judged]) -> dict[int, tuple[Judged, Judged]]:
    """Return the two runs' answers to each question that both have, by its index."""
    found: dict[int, dict[int, Judged]] = {}
    for one in answers:
        for given in one.given:
            found.setdefault(one.example.index, {})[given.run] = one
    return {index: (by_run[0], by_run[1]) for index, by_run in found.items() if len(by_run) > 1}


def _ask(
    pairs: Mapping[int, tuple[Judged, Judged]],
    benchmark: Benchmark,
    model: ChatModel | str,
    how: JudgeAsked,
    seed: int,
    gold: bool,
    progress: bool | Progress | None,
) -> tuple[str, dict[tuple[int, int], str], int, list[ModelError]]:
    """Return who judged, what it said by question and order, how many replies had no verdict, and why others lack."""
    databases = DatabasePool(benchmark.paths)
    by_id = {f"{index} {order}": (index, order) for index in pairs for order in (0, 1)}

    def messages(id: str) -> tuple[Message, ...]:
        index, order = by_id[id]
        one, other = pairs[index] if order == 0 else pairs[index][::-1]
        shown = answer_parts(one, databases, "first") | answer_parts(other, databases, "second")
        parts = question_parts(one.example) | shown | gold_parts(one, gold, databases)
        return ask_judge(parts, pairwise=True, gold=gold)

    asked = [
        replace(example := pairs[index][0].example, question=replace(example.question, id=id))
        for id, (index, _) in by_id.items()
    ]
    said: dict[tuple[int, int], str] = {}
    unread, errors = 0, list[ModelError]()
    with opened(model, how) as judge:
        replies = replies_to(asked, messages, judge, how, seed)
        with closing(replies), display(progress)("judging", len(asked)) as advance:
            for id, got in replies:
                advance()
                if isinstance(got, ModelError):
                    errors.append(got)
                elif (found := read_verdict(got.text, WORDS)) is None:
                    unread += 1
                else:
                    said[by_id[id]] = found[0]
        return judge.info.name, said, unread, errors


def _beside(pairs: Iterable[tuple[tuple[Judged, Judged], float]], is_right: Callable[[Judged], bool | None]) -> Beside:
    """Return what the judge chose where one of the two answers is right by another, and the other is not."""
    same = other = tied = 0
    for (a, b), score in pairs:
        said = is_right(a), is_right(b)
        if None in said or said[0] == said[1]:
            continue
        tied += score == 0.5
        same += score == float(bool(said[0]))
        other += score == float(bool(said[1]))
    return Beside(same, other, tied)
