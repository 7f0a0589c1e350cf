"""``spider-opt confidence``: whether a run knows what it knows, and what could be answered without a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.cli.options import check_finite
from spider_opt.cli.out_file import check_out

if TYPE_CHECKING:
    from spider_opt.scoring.statistics import By


@click.command(
    "confidence",
    epilog="\b\nExample:\n  spider-opt confidence results/runs/my-vote\n"
    "  spider-opt confidence my-vote --precision 90 --picture sure.svg --out sure.csv",
)
@click.argument("run", type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.option(
    "--precision", type=click.FloatRange(0, 100, min_open=True), default=95, show_default=True, metavar="PERCENT",
    help="What is to be right of the questions that are answered, the rest being passed to a person",
)  # fmt: skip
@click.option(
    "--signal", type=click.Choice(["votes", "logprob", "attempts"]),
    help="What an answer's confidence is  [default: the first of these that the run kept]",
)  # fmt: skip
@click.option(
    "--by", type=click.Choice(["query", "database"]), default="query", show_default=True,
    help="Which questions lean on each other: those of one gold query or of one database",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resampling")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write each answer's confidence to this CSV"
)
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw it to this SVG or PNG file")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON")
def confidence_command(
    run: Path,
    precision: float,
    signal: str | None,
    by: By,
    seed: int,
    out: Path | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Tell how sure a run's answers are, and whether rightly so.

    Confidence is what the run kept: the share of votes, the probability of the tokens (eval --logprobs), or how soon a
    query ran. Its calibration, what is right of the surest answers, and how many questions could be answered at a
    precision if the rest went to a person. No model is asked.
    """
    from spider_opt.analysis.confidence import confidence
    from spider_opt.analysis.confidence_text import COLUMNS, to_csv, to_json, to_markdown
    from spider_opt.errors import UsageError
    from spider_opt.paths import write_all_whole

    def is_of_ours(path: Path) -> bool:
        with path.open("rb") as file:
            return file.readline().decode("utf-8", "replace").strip() == ",".join(COLUMNS)

    check_finite({"precision": precision})
    if out is not None:
        check_out(out, (run,), replaces=is_of_ours, what="confidences")
    if picture is not None:
        check_out(picture, (run,), option="--picture")
    if picture is not None and picture.suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"a picture is an .svg or a .png file, which {picture} is not")
    found = confidence(run, precision=precision, signal=signal, by=by, seed=seed)
    files: dict[Path, str | bytes] = {} if out is None else {out: to_csv(found)}
    if picture is not None:
        from spider_opt.report.confidence_picture import draw
        from spider_opt.report.picture import to_png, to_svg

        try:
            figure = draw(found)
        except ImportError as error:
            raise UsageError("what draws is not installed; type: pip install 'spider-opt[report]'") from error
        files[picture] = to_svg(figure) if picture.suffix.lower() == ".svg" else to_png(figure)
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
    if files:
        write_all_whole(files)
    click.echo(json.dumps(to_json(found), indent=1) if as_json else to_markdown(found), nl=as_json)
    for path in files:
        click.echo(f"written: {path}", err=True)
