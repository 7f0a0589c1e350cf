"""What ``diagnose`` forecast of each step of our own ladder, beside what the step then brought.

python benchmarks/forecasts.py --spider DIR [--runs results/runs]

A row is a run, the step that was added to it, the most that the step could bring by the run's diagnosis (without an
oracle, from the run alone), and what it brought: points of EX on the same questions, with the interval of a paired
bootstrap. The bound holds where what was brought is not above it. Last stands what ``diagnose`` would have tried first.
"""

from __future__ import annotations

from pathlib import Path

import click

from spider_opt.analysis.diagnosis import diagnose
from spider_opt.analysis.diagnosis.next_step import at_most, next_steps
from spider_opt.analysis.paired import paired
from spider_opt.benchmarks import load
from spider_opt.runs import Run

SMALL, LARGE = "qwen2.5-coder-0.5b-spider-dev", "qwen2.5-coder-1.5b-spider-dev"
STEPS = (
    (f"zero-shot-{SMALL}", f"repair-{SMALL}", "repair"),
    (f"zero-shot-{SMALL}", f"finetune-{SMALL}-torch", "finetune"),
    (f"repair-{SMALL}", f"schema+repair-{SMALL}", "schema"),
    (f"repair-{SMALL}", f"repair+finetune-{SMALL}-torch", "finetune"),
    (f"schema+repair-{SMALL}", f"rag+finetune-{SMALL}-torch", "finetune"),
    (f"finetune-{SMALL}-torch", f"repair+finetune-{SMALL}-torch", "repair"),
    (f"finetune-{SMALL}-torch", f"finetune-{LARGE}-torch", "larger model"),
    (f"repair+finetune-{SMALL}-torch", f"rag+finetune-{SMALL}-torch", "schema"),
    (f"rag+finetune-{SMALL}-torch", f"rag+vote+finetune-{SMALL}-torch", "vote"),
    (f"rag+finetune-{SMALL}-torch", f"rag+finetune-{LARGE}-torch", "larger model"),
    (f"finetune-{LARGE}-torch", f"repair+finetune-{LARGE}-torch", "repair"),
    (f"repair+finetune-{LARGE}-torch", f"rag+finetune-{LARGE}-torch", "schema"),
)
"""A run, the run of what was tried next, and the step between them."""


@click.command()
@click.option("--spider", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--runs", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path("results/runs"))
def main(spider: Path, runs: Path) -> None:
    """Print the table."""
    benchmark = load("spider:dev", data=spider)
    names = dict.fromkeys(name for base, then, _ in STEPS for name in (base, then))
    read = {name: Run.read(runs / name, benchmark) for name in names}
    found = {base: diagnose(read[base]) for base in dict.fromkeys(base for base, _, _ in STEPS)}
    click.echo("| model | method | lost | step | at most | brought (95 %) | the bound holds | diagnose tries first |")
    click.echo("| --- | --- | ---: | --- | ---: | --- | --- | --- |")
    for base, then, step in STEPS:
        diagnosis, info = found[base], read[base].info
        bound = at_most(diagnosis, step)
        gain = paired(read[base].verdicts, read[then].verdicts)
        first = next_steps(diagnosis)[0]
        click.echo(
            f"| {info.model.rpartition('-')[2]} | `{info.method}` | {100 - read[base].ex:.1f} | {step} | {bound:.1f} | "
            f"{gain.change:+.1f} ({gain.low:+.1f} to {gain.high:+.1f}) | {'yes' if gain.change <= bound else 'no'} | "
            f"{first.step} ({first.at_most:.1f}) |"
        )


if __name__ == "__main__":
    main()
