"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

if TYPE_CHECKING:
    from spider_opt.scoring import Rules

F = TypeVar("F", bound=Callable[..., Any])
Engine = Literal["llama.cpp", "torch"]


def engine_option(command: F) -> F:
    """Add ``--engine``."""
    return click.option(
        "--engine", type=click.Choice(["llama.cpp", "torch"]), default="llama.cpp", show_default=True,
        help="What computes an embedded model; torch answers many questions side by side",
    )(command)  # fmt: skip


def scoring_options(command: F) -> F:
    """Add ``--metric``, ``--mode``, ``--keep-distinct`` and ``--timeout``; see ``asked_rules``."""
    command = click.option(
        "--timeout", "timeout_s", type=click.FloatRange(min=0.01), default=10.0, show_default=True,
        help="Seconds that one query may take",
    )(command)  # fmt: skip
    command = click.option(
        "--keep-distinct", is_flag=True, help="Let DISTINCT count (official mode; strict always does)"
    )(command)
    command = click.option(
        "--mode", type=click.Choice(["official", "strict"]), default="official", show_default=True,
        help="What counts as right: what the official evaluator says, or what the question deserves",
    )(command)  # fmt: skip
    return click.option(
        "--metric", "metrics", metavar="NAME[,NAME]", multiple=True,
        callback=lambda context, option, names: ",".join(names) if names else None,
        help="Scorers to ask in one pass, the first is EX: official, strict, official-distinct (what --keep-distinct "
        "makes of official), or another package's",
    )(command)  # fmt: skip


def asked_rules(metrics: str | None, mode: str, keep_distinct: bool, timeout_s: float) -> Rules:
    """Return what ``scoring_options`` asked for.

    Raises:
        UsageError: a mode and metrics are both named.
        ScorerError: a metric is none, or its scorer is broken.
    """
    from spider_opt.errors import UsageError
    from spider_opt.scoring import rules_for

    if metrics is None:
        return rules_for([mode], keep_distinct, timeout_s)
    context = click.get_current_context()
    if context.get_parameter_source("mode") is click.core.ParameterSource.COMMANDLINE:
        raise UsageError(f"--mode is short for a --metric: leave it out and write --metric {mode},…")
    return rules_for([name.strip() for name in metrics.split(",")], keep_distinct, timeout_s)


def in_sections(sections: Mapping[str, Sequence[str]]) -> type[click.Command]:
    """Return a kind of command whose help has options (by name) in sections (by title), the others before them."""

    class InSections(click.Command):
        def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
            shown: dict[str, list[tuple[str, str]]] = {title: [] for title in ("Options", *sections)}
            for option in self.get_params(ctx):
                title = next((title for title, names in sections.items() if option.name in names), "Options")
                if record := option.get_help_record(ctx):
                    shown[title].append(record)
            for title, records in shown.items():
                with formatter.section(title):
                    formatter.write_dl(records)

    return InSections
