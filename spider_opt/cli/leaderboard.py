"""``spider-opt leaderboard``: finished runs side by side."""

from __future__ import annotations

from pathlib import Path

import click

from spider_opt.cli.options import prices_option


@click.command(
    "leaderboard",
    epilog="\b\nExample:\n  spider-opt leaderboard\n  spider-opt leaderboard my-runs/ --out my-results/",
)
@click.argument("runs", nargs=-1, type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("results"), show_default=True,
    help="Folder for leaderboard.csv and leaderboard.md",
)  # fmt: skip
@prices_option
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON")
def leaderboard_command(runs: tuple[Path, ...], out: Path, prices: Path | None, as_json: bool) -> None:
    """Gather run folders into leaderboard.csv and leaderboard.md.

    RUNS are run folders or folders of them (default: results/runs). Unfinished runs are named and left out.
    """
    from spider_opt.cli.out_file import check_folder_writable
    from spider_opt.errors import RunError
    from spider_opt.leaderboard import read_row, table, to_csv, to_markdown
    from spider_opt.paths import write_all_whole
    from spider_opt.runs import find_runs

    roots = runs or (Path("results/runs"),)
    check_folder_writable(out)
    rows = []
    for folder in find_runs(*roots):
        try:
            rows.append(read_row(folder, prices=prices))
        except RunError as error:
            click.echo(f"left out: {error}", err=True)
    if not rows:
        raise RunError(f"no finished run in {', '.join(map(str, roots))}; make one with: spider-opt eval")
    frame = table(rows)
    out.mkdir(parents=True, exist_ok=True)
    write_all_whole({out / "leaderboard.csv": to_csv(frame), out / "leaderboard.md": to_markdown(frame)})
    click.echo(frame.to_json(orient="records", indent=1) if as_json else to_markdown(frame), nl=as_json)
    click.echo(f"written: {out / 'leaderboard.csv'} and leaderboard.md", err=True)
