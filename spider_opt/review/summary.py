"""What people and judges say of answers, beside EX: agreement, and the accuracy of runs as people see it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_opt.review.agreement import Estimate, alpha, coincidences, kappa, pair, share, with_interval
from spider_opt.review.answers import Judged, judged_answers, labels_of, read_runs
from spider_opt.runs import Run
from spider_opt.runs.labels import SAID, Label, Said
from spider_opt.types import Benchmark

if TYPE_CHECKING:
    from numpy.typing import NDArray

PEOPLE = "people"
DECIDED: tuple[Said, Said] = ("right", "wrong")
_LABELS = ((2, 3), (4, 5))
"""Where a row of six counts has the labels right, and all, of what EX calls right, and of what it calls wrong."""
_Opinions = Mapping[str, Said]
"""What one says, by the key of the answer."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two agree: the share of the same labels in percent, and Cohen's kappa."""

    first: str
    second: str
    same: Estimate
    kappa: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return it as a program reads it."""
        told = {"first": self.first, "second": self.second}
        return {**told, "same": self.same.to_json(), "kappa": self.kappa.to_json()}


@dataclass(frozen=True, slots=True)
class Voice:
    """What one person or judge says, or people together (a majority of right or wrong, else unsure).

    ``counts`` are labels by what EX says, then by label. Agreement with EX, and of a judge with people, leaves out what
    either is unsure of; ``with_people`` is None for people themselves, and where none judged the same answers.
    """

    name: str
    judge: bool
    n: int
    counts: Mapping[str, Mapping[str, int]]
    with_ex: Agreement
    with_people: Agreement | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as a program reads it."""
        told = {
            "name": self.name,
            "judge": self.judge,
            "n": self.n,
            "by_ex": {k: dict(v) for k, v in self.counts.items()},
        }
        people = self.with_people.to_json() if self.with_people else None
        return {**told, "with_ex": self.with_ex.to_json(), "with_people": people}


@dataclass(frozen=True, slots=True)
class SeenByPeople:
    """A run's accuracy as people see it, in percent, and EX, of all its ``n`` questions.

    People's is EX, corrected by how often people call right what EX calls right, and what EX calls wrong, among the
    ``accuracy.n`` answers that have a label: which holds whether these were drawn among all answers, or among those
    that EX calls wrong or right. It is NaN where one of the two has no label. ``labelled_ex`` is EX of those.
    """

    name: str
    n: int
    ex: float
    accuracy: Estimate
    labelled_ex: float

    def to_json(self) -> dict[str, Any]:
        """Return it as a program reads it."""
        told = {"name": self.name, "n": self.n, "ex": round(self.ex, 4), "labelled_ex": round(self.labelled_ex, 4)}
        return {**told, "people": self.accuracy.to_json()}


@dataclass(frozen=True, slots=True)
class Summary:
    """What was said of ``n`` answers: by each ``voice``, people first; how far people agree; and of each run.

    ``pairs`` are of two people each. ``alpha`` is Krippendorff's, of all people, nominal with three labels. Intervals
    are 95 %, by gold queries, as ``agreement.with_interval`` has them.
    """

    n: int
    voices: tuple[Voice, ...]
    pairs: tuple[Agreement, ...]
    alpha: Estimate | None
    runs: tuple[SeenByPeople, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as a program reads it."""
        return {
            "n": self.n,
            "voices": [voice.to_json() for voice in self.voices],
            "pairs": [pair.to_json() for pair in self.pairs],
            "alpha": self.alpha.to_json() if self.alpha else None,
            "runs": [run.to_json() for run in self.runs],
        }


def summarise(runs: Sequence[Run | Path | str], benchmark: Benchmark, *, seed: int = 0) -> Summary:
    """Return what the labels in the folders of runs come to.

    Raises:
        UsageError, RunError: as ``write_sheet``.
    """
    read = read_runs(runs, benchmark)
    answers = judged_answers(read)
    return summary_of(read, answers, labels_of(read, answers), seed)


def summary_of(
    runs: Sequence[Run], answers: Sequence[Judged], labels: Mapping[str, Sequence[Label]], seed: int = 0
) -> Summary:
    """Return what labels, by the key of the answer, come to."""
    there = {one.key: one for one in answers if one.key in labels}
    said: dict[tuple[bool, str], dict[str, Said]] = {}
    for key in there:
        for label in labels[key]:
            said.setdefault((label.judge, label.by), {})[key] = label.said
    people = {who: opinions for who, opinions in sorted(said.items()) if not who[0]}
    judges = {who: opinions for who, opinions in sorted(said.items()) if who[0]}
    majority = {key: found for key in there if (found := majority_of(labels[key])) is not None}
    ex: dict[str, Said] = {key: "right" if one.correct else "wrong" for key, one in there.items()}

    def voice(name: str, opinions: _Opinions, judge: bool = False) -> Voice:
        counts: dict[str, dict[str, int]] = {
            of: {label: sum(opinions[key] == label and ex[key] == of for key in opinions) for label in SAID}
            for of in DECIDED
        }
        beside = agreement(name, opinions, PEOPLE, majority, there, DECIDED, seed) if judge else None
        return Voice(
            name, judge, len(opinions), counts, agreement(name, opinions, "EX", ex, there, DECIDED, seed),
            beside if beside and beside.same.n else None,
        )  # fmt: skip

    voices = [voice(name, opinions) for (_, name), opinions in people.items()]
    if len(people) > 1:
        voices.append(voice(PEOPLE, majority))
    voices += [voice(name, opinions, judge=True) for (_, name), opinions in judges.items()]
    pairs = [
        agreement(a, people[False, a], b, people[False, b], there, SAID, seed)
        for (_, a), (_, b) in combinations(people, 2)
    ]
    return Summary(
        len(there),
        tuple(voices),
        tuple(pair for pair in pairs if pair.same.n),
        _alpha(list(people.values()), there, seed) if len(people) > 1 else None,
        tuple(_seen(number, run, there, labels, seed) for number, run in enumerate(runs)) if people else (),
    )


def majority_of(labels: Sequence[Label]) -> Said | None:
    """Return what most people say who are sure, unsure where as many say the other or none is; None without people.

    >>> a, b, c = (Label(0, "q", by, said, "") for by, said in (("a", "right"), ("b", "unsure"), ("c", "wrong")))
    >>> majority_of([a, b]), majority_of([a, c]), majority_of([])
    ('right', 'unsure', None)
    """
    said = [label.said for label in labels if not label.judge]
    if not said:
        return None
    right, wrong = said.count("right"), said.count("wrong")
    return "right" if right > wrong else "wrong" if wrong > right else "unsure"


def agreement(
    first: str,
    by_first: _Opinions,
    second: str,
    by_second: _Opinions,
    answers: Mapping[str, Judged],
    categories: Sequence[Said],
    seed: int,
) -> Agreement:
    """Return how far two agree on what both judged, of those categories alone."""
    keys = [
        key for key, said in by_first.items() if said in categories and by_second.get(key) in categories
    ]  # fmt: skip
    clusters = [answers[key].cluster for key in keys]
    same = [(float(by_first[key] == by_second[key]), 1.0) for key in keys]
    tables = [pair(by_first[key], by_second[key], categories) for key in keys]
    return Agreement(
        first, second, with_interval(same, clusters, share, seed=seed),
        with_interval(tables, clusters, kappa, within=(-1, 1), seed=seed),
    )  # fmt: skip


def _alpha(people: Sequence[_Opinions], answers: Mapping[str, Judged], seed: int) -> Estimate:
    units = {key: [opinions[key] for opinions in people if key in opinions] for key in answers}
    several = {key: said for key, said in units.items() if len(said) > 1}
    matrices = [coincidences(said) for said in several.values()]
    return with_interval(matrices, [answers[key].cluster for key in several], alpha, within=(-1, 1), seed=seed)


def _seen(
    number: int, run: Run, answers: Mapping[str, Judged], labels: Mapping[str, Sequence[Label]], seed: int
) -> SeenByPeople:
    found: dict[int, Said] = {}
    for key, one in answers.items():
        # Which answers to questions on which runs differ are looked at depends on more than their own verdicts.
        fair = [label for label in labels[key] if label.drawn != "disagree"]
        said = majority_of(fair)
        if said in DECIDED:
            found |= {given.scored.index: said for given in one.given if given.run == number}
    rows = []
    for scored in run.verdicts:
        said = found.get(scored.index)
        labelled = [float(said == "right"), float(said is not None)]
        rows.append([1.0, 0.0, *labelled, 0.0, 0.0] if scored.correct else [0.0, 1.0, 0.0, 0.0, *labelled])
    accuracy = _accuracy(rows, [scored.cluster for scored in run.verdicts], seed)
    there = [scored.correct for scored in run.verdicts if scored.index in found]
    return SeenByPeople(run.name, run.n, run.ex, accuracy, 100 * sum(there) / len(there) if there else float("nan"))


def _accuracy(rows: Sequence[Sequence[float]], clusters: Sequence[str], seed: int) -> Estimate:
    """Return the accuracy as people see it, by a row of six counts a question (see ``_stratified``).

    Where all labels of what EX calls right, or wrong, are the same, their spread of nothing says nothing: the interval
    is as if one of them had been the other, as in ``scoring.statistics.interval``.
    """
    tells = [row[3] + row[5] > 0 for row in rows]

    def told(of: Sequence[Sequence[float]]) -> Estimate:
        return with_interval(of, clusters, _stratified, within=(0, 100), tells=tells, n=sum(tells), seed=seed)

    plain, turned = told(rows), []
    for right, n in _LABELS:
        labelled = [number for number, row in enumerate(rows) if row[n]]
        if len({rows[number][right] for number in labelled}) == 1:
            other = [list(row) for row in rows]
            other[labelled[0]][right] = 1 - other[labelled[0]][right]
            turned.append(told(other))
    if not turned:
        return plain
    if any(math.isnan(one.low) for one in turned):
        return Estimate(plain.n, plain.value)
    low, high = min(one.low for one in turned), max(one.high for one in turned)
    return Estimate(plain.n, plain.value, min(low, plain.value), max(high, plain.value))


def _stratified(sums: NDArray[Any]) -> NDArray[Any]:
    """Return the share of right answers: of what EX calls right and wrong, that which people call right of each."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [
            np.where(sums[:, of] > 0, sums[:, of] * sums[:, right] / sums[:, n], 0.0)
            for of, (right, n) in enumerate(_LABELS)
        ]
        return np.asarray(100 * (parts[0] + parts[1]) / (sums[:, 0] + sums[:, 1]))
