r"""Draw a fixed sample of questions, stratified by hardness, questions of one gold query together.

The ids go to stdout, one a line. What is in results/samples was drawn so, and held-out questions that are too near to
what is trained on (see ``leaks.held_out_questions``), which were not told apart then, were taken out by ``--of``:

    python scripts/draw_sample.py SPIDER --split train --held-out -n 250 > results/samples/heldout-train-250.txt
    python scripts/draw_sample.py SPIDER --split train --held-out --databases 12 -n 100 \
        > results/samples/heldout-train-100.txt
    python scripts/draw_sample.py SPIDER --split dev -n 250 > results/samples/dev-250.txt
    python scripts/draw_sample.py SPIDER --split train --held-out -n 300 \
        --without results/samples/heldout-train-200.txt > results/samples/heldout-train-300.txt
    python scripts/draw_sample.py SPIDER --split train --held-out --of OLD > NEW
    python scripts/draw_sample.py BIRD --benchmark bird --split mini-dev -n 60 > bird-60.txt
"""

from __future__ import annotations

from hashlib import sha256
from itertools import groupby
from pathlib import Path

import click

from spider_opt.benchmarks import load
from spider_opt.benchmarks.leaks import held_out_questions
from spider_opt.benchmarks.subsets import draw, only
from spider_opt.databases import DatabasePool
from spider_opt.errors import QueryError
from spider_opt.retrieval.annotations import open_annotations
from spider_opt.scoring.report import cluster_of
from spider_opt.sql.hardness import hardness
from spider_opt.types import Example


@click.command()
@click.argument("spider", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--benchmark", "name", default="spider", help="Whose folder it is")
@click.option("--split", default="dev")
@click.option("--held-out", is_flag=True, help="Only questions of held-out training databases")
@click.option("--databases", type=int, default=None, help="Only this many databases, those first by their name's hash")
@click.option(
    "--without",
    type=click.Path(path_type=Path, exists=True),
    help="No question of which the gold query is asked in this sample",
)
@click.option(
    "--of",
    type=click.Path(path_type=Path, exists=True),
    help="Draw nothing: what of this sample may be asked, by its ids now",
)
@click.option("-n", "n", type=int, default=250)
@click.option("--seed", type=int, default=0)
def main(
    spider: Path,
    name: str,
    split: str,
    held_out: bool,
    databases: int | None,
    without: Path | None,
    of: Path | None,
    n: int,
    seed: int,
) -> None:
    """Print the ids of about N questions."""
    benchmark = load(f"{name}:{split}", data=spider)
    pool = DatabasePool(benchmark.paths)
    examples = list(benchmark.examples)
    if held_out:
        examples, _ = held_out_questions(benchmark, open_annotations().normals)
    if of:
        ids = {ex.question.id for ex in examples}
        asked = only(benchmark, of.read_text().split(), str(of)).examples
        click.echo("\n".join(ex.question.id for ex in asked if ex.question.id in ids))
        return
    if held_out:
        # A question whose gold has no row would count any query without rows as right; it teaches nothing.
        examples = [example for example in examples if _has_rows(pool, example)]
    names = sorted({example.question.db_id for example in examples}, key=lambda name: sha256(name.encode()).digest())
    examples = [example for example in examples if example.question.db_id in names[:databases]]
    if without:
        drawn_before = set(without.read_text().split())
        known = {cluster_of(example) for example in examples if example.question.id in drawn_before}
        examples = [example for example in examples if cluster_of(example) not in known]
    clusters = [list(group) for _, group in groupby(sorted(examples, key=cluster_of), key=cluster_of)]
    drawn = draw([(_level(group[0]), group) for group in clusters], n, seed)
    click.echo("\n".join(example.question.id for example in drawn))


def _level(example: Example) -> str:
    """Return how hard the benchmark calls a question, else what Spider's rule says of its gold query."""
    return example.metadata.get("difficulty") or str(hardness(example.gold_sql))


def _has_rows(pool: DatabasePool, example: Example) -> bool:
    try:
        return bool(pool[example.question.db_id].run(example.gold_sql, stop_after_rows=1).rows)
    except QueryError:
        return False


if __name__ == "__main__":
    main()
