"""How far off ``eval --dry-run`` is: estimates from a few questions of recorded runs, against what these took in all.

    python benchmarks/estimates.py [RUN]... [--seeds 200]

Of each run a few questions are drawn by as many seeds, as ``--dry-run`` draws them, and what all took is estimated from
what was recorded of these. Dollars are at the list price of gpt-4.1-mini. It says how often an estimate is within 15 %,
and how often the total is inside of its interval.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from spider_opt.evaluation.estimating import Estimate, estimated, next_number
from spider_opt.evaluation.sampling import parts, usual_number
from spider_opt.prices import Price, prices
from spider_opt.runs import Run, find_runs
from spider_opt.runs.costs import AMOUNTS
from spider_opt.types import Usage

WITHIN = 0.15
LEAST = 100


def price() -> Price:
    found = prices().find("gpt-4.1-mini", "https://api.openai.com/v1")
    assert found
    return found


def estimates(run: Run, seeds: int, known: Price) -> list[Estimate]:
    def dollars(usages: Sequence[Usage]) -> tuple[float, str]:
        return sum(known.dollars(usage) for usage in usages), ""

    questions = [(answer.db_id, answer.id, 0) for answer in run.answers]
    found = []
    for seed in range(seeds):
        asked, n = 0, usual_number(questions)
        while n > asked:
            told = estimated(parts(questions, n, seed), run.answers, dollars)
            asked, n = n, next_number(told)
        found.append(told)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, default=[Path("results/runs")])
    parser.add_argument("--seeds", type=int, default=200)
    asked = parser.parse_args()
    known = price()
    print(f"| run | asked of n | {' | '.join(AMOUNTS)} |")
    print(f"| --- | ---: |{' ---: |' * len(AMOUNTS)}")
    near = {name: [0, 0, 0] for name in AMOUNTS}
    for folder in find_runs(*asked.runs):
        run = Run.read(folder)
        if len(run.answers) < LEAST:
            continue
        found = estimates(run, asked.seeds, known)
        usage = sum((answer.prediction.usage for answer in run.answers), Usage())
        cells = []
        for name in AMOUNTS:
            truth = known.dollars(usage) if name == "dollars" else float(getattr(usage, name))
            guesses = [guess for one in found if (guess := one.amounts[name]) is not None]
            close = sum(abs(guess.value - truth) <= WITHIN * truth for guess in guesses)
            inside = sum(guess.low <= truth <= guess.high for guess in guesses)
            near[name] = [a + b for a, b in zip(near[name], (close, inside, len(guesses)), strict=True)]
            cells.append(f"{100 * close / len(guesses):.0f} ({100 * inside / len(guesses):.0f})")
        n_asked = sum(one.asked for one in found) / len(found)
        print(f"| {run.name} | {n_asked:.0f} of {found[0].n} | {' | '.join(cells)} |")
    cells = [f"{100 * close / n:.0f} ({100 * inside / n:.0f})" for close, inside, n in near.values()]
    print(f"| all | | {' | '.join(cells)} |")
    print(f"\nPercent of {asked.seeds} seeds within {100 * WITHIN:.0f} % (whose 95 % interval holds the total).")


if __name__ == "__main__":
    main()
