"""Whether intervals cover, tests alarm and ranks fall as often as they say; and how long a bootstrap takes.

    python benchmarks/confidence.py coverage
    python benchmarks/confidence.py alarms
    python benchmarks/confidence.py speed

All on made-up verdicts whose truth is known, in the shape of Spider dev: 19 databases of 4 to 120 questions, gold
queries asked in one or two phrasings, 972 questions. ``coverage`` draws databases with accuracies of their own and says
how often each interval holds the true one. ``alarms`` draws runs that are equally good, on gold queries whose phrasings
mostly turn together, and says how often each test calls two of them different, and how often a row is ranked below
another.
``speed`` has the intervals of 10 runs of 972 questions, 10,000 resamples each.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np

from spider_opt.analysis.paired import flipped, mcnemar
from spider_opt.analysis.ranking import ranks
from spider_opt.scoring.report import Scored
from spider_opt.scoring.statistics import accuracy_interval, clustered_se, interval
from spider_opt.types import Outcome

SIZES = (4, 15, 16, 18, 30, 30, 38, 40, 40, 42, 45, 56, 62, 78, 80, 82, 84, 92, 120)
"""Questions of each database of Spider dev that there is, in order of their number."""
FOUR_OF_FIVE_TWICE = 0.86
"""Of 522 gold queries of the 972 questions 450 are asked twice."""
CASES = {"accuracy": ((0.5, 0.1), (0.8, 0.1), (0.95, 0.1), (0.8, 0.2)), "difference": ((0.03, 0.02), (0.03, 0.06))}
"""True accuracies, or differences, and how much the questions of a database lean on each other (intraclass)."""


def main() -> None:
    """Show one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["coverage", "alarms", "speed"])
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    {"coverage": coverage, "alarms": alarms, "speed": speed}[asked.what](asked.trials, random.Random(asked.seed))


# --- coverage ----------------------------------------------------------------------------------


def coverage(trials: int, rng: random.Random) -> None:
    error = 100 * math.sqrt(0.95 * 0.05 / trials)
    print(f"share of {trials:,} trials whose 95 % interval holds the truth, in percent, ± {error:.1f}; 19 databases")
    print("| truth | leaning | ours | t, G - 1 | bootstrap-t | percentiles | textbook |\n|---|---|---|---|---|---|---|")
    for kind, cases in CASES.items():
        for truth, lean in cases:
            held: Counter[str] = Counter()
            for _ in range(trials):
                values, clusters = _databases(rng, kind, truth, lean)
                for name, (low, high) in _intervals(kind, values, clusters, rng).items():
                    held[name] += low <= 100 * truth <= high
            shown = " | ".join(f"{100 * held[name] / trials:.1f}" for name in held)
            print(f"| {kind} {100 * truth:g} | {lean} | {shown} |", flush=True)


def _databases(rng: random.Random, kind: str, truth: float, lean: float) -> tuple[list[int], list[int]]:
    """Draw verdicts of databases with accuracies of their own, or what two runs differ by on each question."""
    values, clusters = [], []
    mean = truth if kind == "accuracy" else (1 + truth / 0.18) / 2  # of 18 % of questions that turn, so many are won
    lean = lean if kind == "accuracy" else min(0.9, lean / 0.18)
    for cluster, size in enumerate(SIZES):
        own = rng.betavariate(mean * (1 / lean - 1), (1 - mean) * (1 / lean - 1))
        for _ in range(size):
            if kind == "accuracy":
                values.append(int(rng.random() < own))
            else:
                values.append((1 if rng.random() < own else -1) if rng.random() < 0.18 else 0)
            clusters.append(cluster)
    return values, clusters


def _intervals(
    kind: str, values: Sequence[int], clusters: Sequence[int], rng: random.Random
) -> dict[str, tuple[float, float]]:
    ours = accuracy_interval(values, clusters) if kind == "accuracy" else interval(values, clusters)
    sums, sizes = np.bincount(clusters, weights=np.array(values)), np.bincount(clusters).astype(float)
    mean, se = float(np.mean(values)), clustered_se(values, clusters) / 100
    drawn = np.random.default_rng(rng.randrange(2**32)).integers(0, len(sizes), (999, len(sizes)))
    totals, n = sums[drawn], sizes[drawn]
    means = totals.sum(1) / n.sum(1)
    spread = ((totals - n * means[:, None]) ** 2).sum(1) * len(sizes) / (len(sizes) - 1)
    errors = np.sqrt(spread) / n.sum(1)
    t = np.divide(means - mean, errors, out=np.zeros_like(means), where=errors > 0)
    below, above = np.quantile(t, [0.025, 0.975])
    textbook = clustered_se(values, range(len(values))) / 100
    raw = {
        "t, G - 1": (mean - 2.1009 * se, mean + 2.1009 * se),
        "bootstrap-t": (mean - above * se, mean - below * se),
        "percentiles": tuple(np.quantile(means, [0.025, 0.975])),
        "textbook": (mean - 1.96 * textbook, mean + 1.96 * textbook),
    }
    return {"ours": ours} | {name: (100 * float(low), 100 * float(high)) for name, (low, high) in raw.items()}


# --- false alarms ------------------------------------------------------------------------------


def alarms(trials: int, rng: random.Random) -> None:
    tables = max(1, trials // 20)
    error = 100 * math.sqrt(0.05 * 0.95 / trials)
    print(f"two runs that are equally good: share of {trials:,} trials called different at 5 %, ± {error:.1f}")
    print("| phrasings go together | McNemar | sign flips of gold queries | interval without 0 | design effect |")
    print("|---|---|---|---|---|")
    for together in (0.0, 0.5, 0.8):
        called: Counter[str] = Counter()
        effects = []
        for _ in range(trials):
            hard = _hard(rng)
            one, other = (_answers(rng, hard, together) for _ in range(2))
            differences = [a - b for a, b in zip(one, other, strict=True)]
            clusters = [cluster for cluster, _, size in hard for _ in range(size)]
            called["McNemar"] += mcnemar(differences.count(1), differences.count(-1)) < 0.05
            called["flips"] += flipped(differences, clusters) < 0.05
            low, high = interval(differences, clusters, n_resamples=1000)
            called["interval"] += not low <= 0 <= high
            alone = clustered_se(differences, range(len(differences)))
            effects.append((clustered_se(differences, clusters) / alone) ** 2)
        shown = " | ".join(f"{100 * called[name] / trials:.1f}" for name in ("McNemar", "flips", "interval"))
        print(f"| {together} | {shown} | {np.mean(effects):.2f} |", flush=True)
    below = 0
    for _ in range(tables):
        hard = _hard(rng)
        clusters = [cluster for cluster, _, size in hard for _ in range(size)]
        runs = [_verdicts(_answers(rng, hard, 0.5), clusters) for _ in range(8)]
        below += sum(rank > 1 for rank in ranks(runs))
    error = 100 * math.sqrt(0.05 * 0.95 / tables)  # rows of a table lean on each other
    print(
        f"{tables:,} tables of 8 equally good runs: {100 * below / tables / 8:.1f} % of rows ranked below 1, "
        f"± {error:.1f} at most"
    )


def _hard(rng: random.Random) -> list[tuple[int, float, int]]:
    """Draw gold queries: a number, how likely an answer is right, and in how many phrasings each is asked."""
    return [(i, rng.betavariate(3, 1), 2 if rng.random() < FOUR_OF_FIVE_TWICE else 1) for i in range(522)]


def _answers(rng: random.Random, hard: Sequence[tuple[int, float, int]], together: float) -> list[int]:
    found = []
    for _, likely, size in hard:
        shared = rng.random() < likely
        found += [int(shared if rng.random() < together else rng.random() < likely) for _ in range(size)]
    return found


def _verdicts(right: Sequence[int], clusters: Sequence[int]) -> list[Scored]:
    said = (Outcome.WRONG_ROWS, Outcome.CORRECT)
    pairs = zip(right, clusters, strict=True)
    return [Scored(i, "d", bool(one), said[one], "", None, str(cluster)) for i, (one, cluster) in enumerate(pairs)]


# --- speed -------------------------------------------------------------------------------------


def speed(trials: int, rng: random.Random) -> None:
    hard = _hard(rng)
    hard = [(cluster, likely, 2) for cluster, likely, _ in hard[:450]] + [(c, likely, 1) for c, likely, _ in hard[450:]]
    clusters = [cluster for cluster, _, size in hard for _ in range(size)]
    runs = [_answers(rng, hard, 0.5) for _ in range(10)]
    for name, columns in {
        "10 runs": runs,
        "all 45 pairs of them": [
            [a - b for a, b in zip(x, y, strict=True)] for i, x in enumerate(runs) for y in runs[:i]
        ],
    }.items():
        start, used = time.perf_counter(), time.process_time()
        for column in columns:
            interval(column, clusters, n_resamples=10_000)
        took = time.perf_counter() - start
        print(
            f"{name}, {len(clusters)} questions, 10,000 resamples: {took:.2f} s, "
            f"{time.process_time() - used:.2f} s of a processor"
        )


if __name__ == "__main__":
    main()
