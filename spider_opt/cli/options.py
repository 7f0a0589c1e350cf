"""Options that several commands share."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from spider_opt.scoring import Rules
    from spider_opt.types import JSON

ENGINES = ("llama.cpp", "torch")  # of models.Engine, which is not loaded for a word
F = TypeVar("F", bound=Callable[..., Any])


def check_finite(given: Mapping[str, object]) -> None:
    """Make sure that each number among a command's parameters is one: click's ranges let ``nan`` and ``inf`` pass.

    Raises:
        UsageError: one is not.
    """
    from spider_opt.errors import UsageError

    for name, value in given.items():
        if isinstance(value, float) and not isfinite(value):
            raise UsageError(f"--{name.replace('_', '-')} is {value}, which is no number")


def engine_option(command: F) -> F:
    """Add ``--engine``."""
    return click.option(
        "--engine", type=click.Choice(ENGINES), default="llama.cpp", show_default=True,
        help="What computes an embedded model; torch answers many questions side by side",
    )(command)  # fmt: skip


def allow_learnt_option(command: F) -> F:
    """Add ``--allow-learnt``."""
    return click.option(
        "--allow-learnt", is_flag=True, help="Ask a tuned model about databases that it learnt from, too"
    )(command)


def request_options(command: F) -> F:
    """Add ``--max-tokens``, ``--request-timeout``, ``--system`` and ``--extra``, how a model is asked."""
    command = click.option(
        "--extra", metavar="KEY=JSON", multiple=True, callback=_parameters,
        help="A further parameter of each request, passed on as it is (again for more): top_p=0.9",
    )(command)  # fmt: skip
    command = click.option(
        "--system", type=click.Choice(["yes", "no"]), default="yes", show_default=True,
        help="Whether the instruction is a system message; no: it stands in the user's message",
    )(command)  # fmt: skip
    command = click.option(
        "--request-timeout", "request_timeout_s", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
        help="Wait for one whole answer  [default: 300]",
    )(command)  # fmt: skip
    return click.option(
        "--max-tokens", type=click.IntRange(min=1), metavar="N",
        help="Tokens an answer may have; a model that thinks first needs more  [default: the method's, mostly 300]",
    )(command)  # fmt: skip


def give_up_option(command: F) -> F:
    """Add ``--give-up``."""
    return click.option(
        "--give-up", type=click.IntRange(min=0), default=0, metavar="N",
        help="Questions that a server may refuse for good (a filter, a prompt too long); they count as wrong  "
        "[default: 0]",
    )(command)  # fmt: skip


REQUEST_OPTIONS = {
    "max_tokens": "--max-tokens", "request_timeout_s": "--request-timeout", "system": "--system", "extra": "--extra"
}  # fmt: skip
"""Parameters of a command and what is typed for them."""


def _parameters(context: click.Context, option: click.Parameter, given: Sequence[str]) -> dict[str, JSON]:
    if not given:
        return {}
    from spider_opt.models.secrets import hidden
    from spider_opt.rows import KeyTwice, each_once

    parameters: dict[str, JSON] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"{hidden(one)!r} is not KEY=JSON, as in --extra top_p=0.9")
        if name.strip() in parameters:
            raise click.BadParameter(f"{name.strip()} is given twice")
        try:
            parameters[name.strip()] = json.loads(value, parse_constant=_no_number, object_pairs_hook=each_once)
        except KeyTwice as error:
            raise click.BadParameter(f"the value of {name.strip()} {error}") from None
        except ValueError:
            shown = value if hidden(value, name=name.strip()) == value else "…"
            quoted = shlex.quote(f"{name.strip()}={json.dumps(shown, ensure_ascii=False)}")
            raise click.BadParameter(
                f"the value of {name.strip()} is no JSON; a text is written --extra {quoted}"
            ) from None
    return parameters


def _no_number(name: str) -> JSON:
    raise ValueError(f"{name} is no JSON")


def suite_option(command: F, default: str = "  [default: the files beside each]") -> F:
    """Add ``--suite``; ``default`` says what is judged on without it."""
    return click.option(
        "--suite", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
        help=f"Test suites: a folder with a folder of SQLite files for each database{default}",
    )(command)  # fmt: skip


def keep_distinct_option(
    command: F, help: str = "Let DISTINCT count in official and suite, also as EX (strict always does)"
) -> F:
    """Add ``--keep-distinct``, the official tool's flag."""
    return click.option("--keep-distinct", is_flag=True, help=help)(command)


def plug_value_option(command: F, help: str = "Try gold's values in the predictions, too (metric suite)") -> F:
    """Add ``--plug-value``, the official tool's flag."""
    return click.option("--plug-value", is_flag=True, help=help)(command)


ASKED_BESIDE = (
    "Scorers to ask beside EX in one pass, and no others: official, strict, suite, match, bird, bird-f1, r-ves, or "
    "another package's  [default: official, strict, and suite where there are test suites; with --mode none]"
)
MODE_ASKS = "; beside it --metric's are asked, and no others"


def scoring_options(metric: str = ASKED_BESIDE) -> Callable[[F], F]:
    """Return what adds ``--metric`` and the options that say how answers are judged; see ``asked_rules``.

    ``metric`` is the help of ``--metric``; where it is '' the command has none: it is about EX alone.
    """

    def add(command: F) -> F:
        command = click.option(
            "--timeout", "timeout_s", type=click.FloatRange(min=0.01),
            help="Seconds that one query may take; by BIRD's scorers both together  [default: 10; theirs: 30]",
        )(command)  # fmt: skip
        command = keep_distinct_option(suite_option(plug_value_option(command)))
        command = click.option(
            "--mode", metavar="NAME",
            help="The scorer whose verdict is EX, such as strict" + MODE_ASKS * (metric == ASKED_BESIDE)
            + "  [default: the benchmark's own rule]",
        )(command)  # fmt: skip
        if not metric:
            return command
        return click.option(
            "--metric", "metrics", metavar="NAME[,NAME]", multiple=True,
            callback=lambda context, option, names: ",".join(names) if names else None, help=metric,
        )(command)  # fmt: skip

    return add


SCORING_OPTIONS = {
    "metrics": "--metric", "mode": "--mode", "keep_distinct": "--keep-distinct", "suite": "--suite",
    "plug_value": "--plug-value", "timeout_s": "--timeout",
}  # fmt: skip
"""Parameters of a command and what is typed for them."""


def typed_options(context: click.Context, options: Mapping[str, str]) -> list[str]:
    """Return those of some options that were typed, with their values, to be typed again; of secrets only a hash."""
    words: list[str] = []
    for name, option in options.items():
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            words += _typed(option, context.params[name])
    return words


def _typed(option: str, value: object) -> list[str]:
    from spider_opt.models.secrets import hidden, shown_url

    if isinstance(value, dict):
        return [w for key, said in value.items() for w in (option, f"{key}={json.dumps(hidden(said, name=key))}")]
    if option == "--base-url":
        return [option, shown_url(str(value))]
    if isinstance(value, tuple):
        return [word for one in value for word in (option, str(one))]
    return [option] if value is True else [option, str(value)]


def prices_option(command: F) -> F:
    """Add ``--prices``."""
    return click.option(
        "--prices", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
        help="CSV file of what models cost, in front of ours  [default: what SPIDER_OPT_PRICES names]",
    )(command)  # fmt: skip


def corrections_option(command: F) -> F:
    """Add ``--corrections``, which ``asked_rules`` takes."""
    return click.option(
        "--corrections", metavar="FILE",
        help="Tell EX with corrected golds, too: a JSON or CSV file, or spider-dev or spider-train, which come with "
        "this package",
    )(command)  # fmt: skip


def fail_under_option(command: F) -> F:
    """Add ``--fail-under``; see ``show.fail_if_under``."""
    return click.option(
        "--fail-under", type=click.FloatRange(0, 100), metavar="POINTS", help="Exit with 1 where EX is less than POINTS"
    )(command)


def log_option(command: F) -> F:
    """Add ``--log``, which ``log.log_run`` takes; see ``integrations.trackers.tracker_of``."""
    return click.option(
        "--log", multiple=True, metavar="TRACKER[=PLACE]",
        help="Log the finished run, too: mlflow, or mlflow=URI; where that fails, the run stays and the exit code is "
        "its own",
    )(command)  # fmt: skip


def listed_names(option: str, given: str, example: str) -> list[str]:
    """Return the names that were typed with commas between them, each at least one letter.

    Raises:
        UsageError: one is missing.
    """
    from spider_opt.errors import UsageError

    names = [name.strip() for name in given.split(",")]
    if not any(names):
        raise UsageError(f'{option} is "{given}", which names none: write {option} {example}')
    if not all(names):
        raise UsageError(f'{option} is "{given}", where a name is missing beside a comma: leave out the comma')
    return names


def asked_rules(
    metrics: str | None,
    mode: str | None,
    keep_distinct: bool,
    timeout_s: float | None,
    suite: Path | None,
    plug_value: bool,
    corrections: str | None = None,
) -> Rules:
    """Return what ``scoring_options`` asked for, see ``Rules.on``.

    Raises:
        ScorerError: a metric is none, or its scorer is broken.
        UsageError: a name is missing, or an option of suites is given, and the metric ``suite`` is not asked for.
        CorrectionsError: there are no such corrections, or their file is broken.
    """
    from spider_opt.scoring import rules_for

    names = [] if metrics is None else listed_names("--metric", metrics, "strict")
    if mode is not None:
        listed_names("--mode", mode, "strict")
    others: dict[str, Any] = {"suite": suite, "plug_value": plug_value, "corrections": corrections}
    return rules_for(names, keep_distinct, timeout_s, mode=mode or "", **others)


def check_suites_count(rules: Rules, instead: str) -> None:
    """Make sure that options of suites change what a command tells, of which ``rules`` say all.

    Raises:
        UsageError: one was given, and nothing is judged on suites; ``instead`` says what to type.
    """
    from spider_opt.errors import UsageError

    if (rules.suite or rules.plug_value) and not rules.on_suites:
        given = "--suite" if rules.suite else "--plug-value"
        raise UsageError(f"{given} is for the metric suite, by which nothing is judged here: ask for it by {instead}")


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
