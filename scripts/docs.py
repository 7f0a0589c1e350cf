"""Write what the README takes from the code: command help, the table of steps, the ladder and other results.

python scripts/docs.py          # writes README.md
python scripts/docs.py --check  # fails when README.md is not what would be written
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from spider_opt.analysis.ablation import compare
from spider_opt.analysis.ablation import to_markdown as to_markdown_ablation
from spider_opt.cli import main as program
from spider_opt.errors import RunError
from spider_opt.leaderboard import find_runs, read_row, table, to_markdown
from spider_opt.methods import option_types, step_type, written
from spider_opt.paths import write_whole
from spider_opt.steps import ALIASES, STEPS

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 100


@click.command()
@click.option("--check", is_flag=True, help="Write nothing, fail when something would change")
def main(check: bool) -> None:
    """Put the generated blocks into README.md."""
    path = ROOT / "README.md"
    before = path.read_text(encoding="utf-8")
    after = fill(before, blocks())
    if check and before != after:
        diff = difflib.unified_diff(before.splitlines(), after.splitlines(), "README.md", "from the code", lineterm="")
        print("\n".join(diff), file=sys.stderr)
        raise click.ClickException("README.md is behind the code: run python scripts/docs.py")
    if before != after:
        write_whole(path, after)


def blocks() -> dict[str, str]:
    """Return the text of each generated block by its marker."""
    return {
        "help": help_block(),
        "methods": methods_block(),
        "ladder": ladder_block(),
        "leaderboard": leaderboard_block(),
        "ablation": ablation_block(),
    }


def fill(text: str, texts: dict[str, str]) -> str:
    """Return ``text`` with what stands between ``<!-- name -->`` and ``<!-- /name -->`` replaced.

    Raises:
        ClickException: a pair of markers is missing.
    """
    for name, new in texts.items():
        pattern = re.compile(rf"(?<=^<!-- {name} -->\n).*?(?=^<!-- /{name} -->$)", re.DOTALL | re.MULTILINE)
        if len(pattern.findall(text)) != 1:
            raise click.ClickException(f"README.md needs one pair of markers <!-- {name} --> and <!-- /{name} -->")
        before, after = pattern.split(text)
        text = before + new.rstrip("\n") + "\n" + after
    return text


def help_block() -> str:
    """Return the help of every command, as it is printed."""
    parts = []
    for context in contexts():
        said = context.command.get_help(context)
        parts.append(f"```text\n$ {context.command_path} --help\n{said}\n```\n")
    return "\n".join(parts)


def contexts() -> Iterator[click.Context]:
    """Yield a context for the program and each command below it, in the order of their lists."""
    waiting = [click.Context(program, info_name="spider-opt", terminal_width=WIDTH, **program.context_settings)]
    while waiting:
        context = waiting.pop(0)
        yield context
        command = context.command
        if isinstance(command, click.Group):
            below = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
            waiting[:0] = [click.Context(c, parent=context, info_name=name) for name, c in below if c is not None]


def methods_block() -> str:
    """Return a table of our own steps and their options."""
    lines = ["| step | stage | options | what it does |", "|---|---|---|---|"]
    for name in sorted(STEPS):
        kind = step_type(name)
        defaults = {key: written(kind.__dataclass_fields__[key].default) for key in option_types(kind)}
        options = ", ".join(f"`{key}={value}`" for key, value in defaults.items())
        summary = (kind.__doc__ or "").strip().splitlines()[0].rstrip(".")
        lines.append(f"| `{name}` | {kind.stage.name.lower()} | {options} | {summary} |")
    lines += [f"| `{name}` | alias | | Stands for `{text}` |" for name, text in sorted(ALIASES.items())]
    return "\n".join(lines) + "\n"


def ablation_block() -> str:
    """Return the runs under ``results/ablation`` against the one of zero-shot."""
    folder = ROOT / "results" / "ablation"
    if not find_runs(folder / "zero-shot"):
        return "No finished run yet.\n"
    return to_markdown_ablation(compare(folder / "zero-shot", [folder]))


def ladder_block() -> str:
    """Return the table that ``spider-opt ladder`` wrote: what published systems answered is not at hand everywhere."""
    path = ROOT / "results" / "ladder.md"
    return path.read_text(encoding="utf-8") if path.exists() else "No ladder yet.\n"


def leaderboard_block() -> str:
    """Return the finished runs under ``results/runs`` as a table."""
    rows = []
    for folder in find_runs(ROOT / "results" / "runs"):
        try:
            rows.append(read_row(folder))
        except RunError as error:
            print(f"left out: {error}", file=sys.stderr)
    return to_markdown(table(rows)) if rows else "No finished run yet.\n"


if __name__ == "__main__":
    main()
