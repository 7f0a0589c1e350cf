"""Record what the embedded model answers to each method step on a few bundled questions, for the replay tests.

python scripts/record_steps.py             # writes steps and finetune (.jsonl, .json) in tests/fixtures
python scripts/record_steps.py finetune    # only the latter two: a recording is of one model, with or without adapter

Needed again when a prompt changes, or the adapter: the replay then finds no answer to the new request.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from click.testing import CliRunner

from spider_opt.cli import main as program
from spider_opt.models.adapters import CARD, SHIPPED
from spider_opt.paths import write_whole

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures"
METHODS = {
    "steps": (
        "cot",
        "cot:calls=3",
        "difficulty",
        "fewshot",
        "fewshot:by=random,schemas=yes",
        "first-valid:n=3",
        "grammar",
        "hyde:n=2",
        "rag",
        "repair",
        "retry:k=1",
        "schema:tables=2",
        "vote:n=3+repair",
    ),
    "finetune": ("finetune", "finetune+rag", "finetune+grammar", "finetune+hyde"),
}
QUESTIONS = ("test-d56117202e", "test-4b2d338708", "test-37c4c80cdb", "test-a6821a3de8")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*METHODS]))
def main(names: tuple[str, ...]) -> None:
    """Ask the embedded model; nothing is taken from the response cache."""
    for name in names or METHODS:
        if name == "finetune" and not (SHIPPED / "spider" / CARD).is_file():
            click.echo("finetune is left out: no adapter is shipped", err=True)
        else:
            record(name)


def record(recorded: str) -> None:
    """Write one recording, and beside it the answers by method and question."""
    recording = FIXTURES / f"{recorded}.jsonl"
    recording.unlink(missing_ok=True)
    answers: dict[str, dict[str, str]] = {}
    with TemporaryDirectory() as name:
        ids = Path(name) / "ids.txt"
        ids.write_text("\n".join(QUESTIONS))
        for method in METHODS[recorded]:
            out = Path(name) / str(len(answers))
            arguments = ["--method", method, "--ids", str(ids), "--embedder", "hashing", "--out", str(out)]
            result = CliRunner().invoke(program, ["eval", *arguments, "--no-cache", "--record", str(recording)])
            if result.exit_code:
                sys.exit(result.output)
            lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
            answers[method] = {line["id"]: line["sql"] for line in lines}
            print(method, *answers[method].values(), sep="\n  ", flush=True)
    write_whole(recording.with_suffix(".json"), json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main()
