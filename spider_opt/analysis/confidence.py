"""Whether a run knows what it knows: confidence against being right, and what could be answered without a person.

Intervals resample clusters (gold queries, or databases), since questions of one lean on each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_opt import arguments
from spider_opt.analysis.coverage import aurc, binned, crossfitted, curve, left_out, resamples
from spider_opt.analysis.sureness import DID_NOT_RUN, SIGNALS, Signal, check_signal, sureness
from spider_opt.errors import UsageError
from spider_opt.runs import Run
from spider_opt.scoring.statistics import BY, FEW, By, accuracy_interval, group, interval_of_few

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEW_DATABASES = 5
"""With fewer, a threshold is chosen on other gold queries, not on other databases."""
FOLDS = 10


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure with its 95 % interval."""

    value: float
    low: float = nan
    high: float = nan


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers with a confidence from ``low`` to ``high``: how many, their mean confidence, the share that is right."""

    low: float
    high: float
    n: int
    confidence: float
    right: Measured


@dataclass(frozen=True, slots=True)
class Answered:
    """What is answered where the rest is passed to a person: ``n`` questions, ``share`` of all, ``precision`` right.

    Each question's threshold was chosen without its own ``folds``: on the others the lowest that has the ``wanted``
    precision there. ``threshold`` is the one that all questions together would choose for further ones, infinite where
    none has that precision. All are shares, from 0 to 1.
    """

    wanted: float
    n: int
    share: float
    precision: Measured
    threshold: float
    folds: str


@dataclass(frozen=True, slots=True)
class Sure:
    """An answer: which, how sure it is, and whether it is right."""

    index: int
    id: str
    db_id: str
    confidence: float
    correct: bool


@dataclass(frozen=True, slots=True)
class Confidence:
    """How well a run's confidence tells its right answers from its wrong ones; see ``confidence``.

    ``ece`` is the expected calibration error over ``bins``, ``brier`` the Brier score, ``aurc`` the area under the
    risk-coverage curve: the mean share of wrong answers among the surest ones, over all coverages. ``aurc_chance`` is
    that of an order by chance, ``aurc_best`` of one that puts all right answers first. ``curve`` has (coverage,
    precision, threshold) from the surest answers on. ``silent`` answers said nothing of how sure they are, and
    ``failed`` ones did not run: both count with confidence 0. Intervals are percentiles of a bootstrap of so many
    ``clusters``, gold queries or databases, and of fewer than ``FEW`` as in ``statistics.interval_of_few``; those of
    shares are ``accuracy_interval``'s. A figure that never differs has none.
    """

    run: Run
    signal: Signal
    by: By
    clusters: int
    sure: tuple[Sure, ...]
    silent: int
    failed: int
    bins: tuple[Bin, ...]
    ece: Measured
    brier: Measured
    aurc: Measured
    aurc_chance: float
    aurc_best: float
    curve: tuple[tuple[float, float, float], ...]
    answered: Answered

    @property
    def n(self) -> int:
        """How many answers count."""
        return len(self.sure)

    @property
    def right(self) -> float:
        """The share that is right."""
        return sum(one.correct for one in self.sure) / len(self.sure)

    @property
    def says(self) -> str:
        """What confidence is here."""
        return SIGNALS[self.signal]

    def __repr__(self) -> str:
        return f"<Confidence of {self.run.where} by {self.signal}: n={self.n}, AURC {self.aurc.value:.3f}>"


def confidence(
    run: Run | Path | str,
    *,
    precision: float = 95,
    signal: str | None = None,
    by: By = "query",
    seed: int = 0,
) -> Confidence:
    """Tell how well a run's confidence in its answers fits their being right.

    An answer's confidence is what the run kept of it: the share of its votes, else the probability of its tokens
    (``logprobs``), else how soon a query ran; ``signal`` chooses one by its name (``votes``, ``logprob``,
    ``attempts``). One that does not run has none. ``precision`` is the percentage that is to be right of what is
    answered. Intervals resample gold queries, or databases (``by``). No model is asked and no gold is read but by the
    run's own verdicts.

    Raises:
        UsageError: the run does not say how sure its answers are, or an argument makes no sense.
        RunError: the folder holds no finished run.
    """
    read = run if isinstance(run, Run) else Run.read(arguments.path(run, "run"))
    wanted = arguments.number(precision, "precision", above=True) / 100
    if wanted > 1:
        raise UsageError(f"precision is a percentage, at most 100, and not {precision:g}")
    arguments.one_of(by, "by", BY)
    seed = arguments.seed(seed)
    if not read.judged:
        raise UsageError(f"{read.where} has no question that counts")
    chosen = check_signal(read, signal)
    sure, silent, failed = [], 0, 0
    for answer, scored in read.judged:
        said = sureness(answer.prediction, chosen)
        ran = scored.outcome not in DID_NOT_RUN
        silent, failed = silent + (said is None), failed + (not ran)
        sure.append(Sure(answer.index, answer.id, answer.db_id, (said or 0.0) if ran else 0.0, scored.correct))
    clusters = [group(scored, by) for _, scored in read.judged]
    databases = [scored.db_id for _, scored in read.judged]
    queries = [scored.cluster for _, scored in read.judged]
    return _measured(read, chosen, by, sure, (silent, failed), clusters, _folds(databases, queries), wanted, seed)


def _measured(
    run: Run,
    signal: Signal,
    by: By,
    sure: Sequence[Sure],
    not_said: tuple[int, int],
    clusters: Sequence[Hashable],
    folds: tuple[Sequence[Hashable], str],
    wanted: float,
    seed: int,
) -> Confidence:
    import numpy as np

    said = np.array([one.confidence for one in sure])
    right = np.array([one.correct for one in sure], dtype=float)
    names = Counter(clusters)
    few = len(names) < FEW
    weights = left_out(clusters) if few else resamples(clusters, seed)
    once = np.ones((1, len(sure)))
    bins = binned(said)

    def measured(figure: Any) -> Measured:
        value = float(figure(once)[0])
        if len(names) < 2:
            return Measured(value)
        if few:
            return Measured(value, *interval_of_few(value, figure(weights).tolist(), list(names.values()), 0, 1))
        low, high = np.nanquantile(figure(weights), [0.025, 0.975])
        # Draws that are all alike say nothing of other questions.
        return Measured(value) if low == high else Measured(value, float(low), float(high))

    def measured_share(inside: NDArray[np.bool_]) -> Measured:
        low, high = accuracy_interval(right[inside].tolist(), [clusters[i] for i in np.flatnonzero(inside).tolist()])
        return Measured(float(right[inside].mean()), low / 100, high / 100)

    def ece(of: NDArray[np.float64]) -> NDArray[np.float64]:
        gaps = [abs(of[:, inside] @ (right[inside] - said[inside])) for inside in bins]
        return np.asarray(np.sum(gaps, axis=0) / of.sum(axis=1))

    told = [
        Bin(said[inside].min(), said[inside].max(), int(inside.sum()), said[inside].mean(), measured_share(inside))
        for inside in bins
    ]
    kept, threshold = crossfitted(said, right, folds[0], wanted)
    n_kept = int(kept.sum())
    answered = Answered(
        wanted, n_kept, n_kept / len(sure), measured_share(kept) if n_kept else Measured(nan), threshold, folds[1]
    )
    return Confidence(
        run, signal, by, len(set(clusters)), tuple(sure), *not_said, tuple(told), measured(ece),
        measured(lambda of: of @ (said - right) ** 2 / of.sum(axis=1)),
        measured(lambda of: aurc(said, right, of)),
        float(1 - right.mean()), float(aurc(right, right, once)[0]), tuple(curve(said, right)), answered,
    )  # fmt: skip


def _folds(databases: Sequence[str], queries: Sequence[str]) -> tuple[Sequence[Hashable], str]:
    if len(set(databases)) >= FEW_DATABASES:
        return databases, "the other databases"
    names = {name: i % FOLDS for i, name in enumerate(sorted(set(queries)))}
    return [names[query] for query in queries], "other gold queries"
