"""``spider-opt data doubt``: which golds are doubtful."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_options
from spider_opt.cli.options import listed_names
from spider_opt.cli.out_file import check_out
from spider_opt.cli.terminal import harmless


@click.command(
    "doubt",
    epilog="\b\nExample:\n  spider-opt data doubt --data own/\n"
    "  spider-opt data doubt c3.txt din.txt dail.txt graphix.txt --spider spider/ --out doubtful.csv",
)
@click.argument("predictions", nargs=-1, metavar="[RUN]...", type=click.Path(exists=True, path_type=Path))
@benchmark_options
@click.option(
    "--agree", type=click.IntRange(min=2), metavar="N",
    help="How many systems give one result that is not gold's  [default: 4, or all where there are fewer]",
)  # fmt: skip
@click.option("--rule", "rules", metavar="NAME[,NAME]", help="Only what these rules say  [default: all]")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write a CSV file, JSON where it ends so")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a gold, in a list")
def doubt_command(
    predictions: tuple[Path, ...],
    chosen: Chosen,
    agree: int | None,
    rules: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """List the golds that are doubtful, and why.

    By rules: fails, empty, tie-cut (by LIMIT), order (asked for or not), double-quotes (a string that is no column),
    distinct (changes the answer), join-repeats (rows), bare-column (beside aggregates or outside GROUP BY), mixed-types
    (text with numbers). By runs (run folders, or files as score reads them): contradicted, where several systems give
    one result, and gold another. None of it proves a gold wrong: read it, then write corrections for --corrections.
    """
    from spider_opt.analysis.doubt import COLUMNS, RULES, doubt, to_csv
    from spider_opt.paths import write_whole
    from spider_opt.progress import progress
    from spider_opt.wording import counted

    def is_of_ours(path: Path) -> bool:
        text = path.read_text(encoding="utf-8", errors="replace")
        return text.startswith((",".join(COLUMNS), '[\n {\n  "index"', "[]"))

    if out is not None:
        check_out(out, predictions, replaces=is_of_ours, what="doubtful golds")
    names = None if rules is None else listed_names("--rules", rules, "fails,empty")
    benchmark = chosen.load()
    found = doubt(benchmark, *predictions, agree=agree, rules=names, progress=progress)
    as_objects = json.dumps([dataclasses.asdict(one) for one in found], indent=1, ensure_ascii=False)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, f"{as_objects}\n" if out.suffix.lower() == ".json" else to_csv(found))
    if as_json:
        click.echo(as_objects)
    else:
        for one in found:
            click.echo(harmless(f"{one.index}  {one.db_id}  {one.hash}"))
            for name, why in one.reasons.items():
                systems = f" ({', '.join(one.systems)})" if name == RULES[-1] else ""
                click.echo(harmless(f"  {name}: {why}{systems}"))
    by_rule = Counter(name for one in found for name in one.reasons)
    told = ", ".join(f"{name} {by_rule[name]:,}" for name in RULES if by_rule[name])
    of_all = counted(len(benchmark.examples), "gold")
    click.echo(f"{len(found):,} of {of_all} doubtful{f': {told}' if told else ''}", err=True)
    if out is not None:
        click.echo(f"written: {out}", err=True)
