"""The group of commands; a command's module is imported when it is called or listed."""

from __future__ import annotations

import atexit
import errno
import gc
import logging
import signal
import sys
import threading
from importlib import import_module
from typing import Any, TextIO

import click

from spider_opt import __version__
from spider_opt.cli.ended import how_ended
from spider_opt.errors import SpiderOptError
from spider_opt.wording import in_shell

COMMANDS = {
    "ask": "ask:ask_command",
    "eval": "eval:eval_command",
    "score": "score:score_command",
    "explain": "explain:explain_command",
    "export": "export:export_command",
    "verify": "verify:verify_command",
    "finetune": "finetune:finetune_command",
    "improve": "improve:improve_command",
    "review": "review:review_command",
    "show": "show_run:show_command",
    "leaderboard": "leaderboard:leaderboard_command",
    "compare": "compare:compare_command",
    "candidates": "candidates:candidates_command",
    "diagnose": "diagnose:diagnose_command",
    "confidence": "confidence:confidence_command",
    "check": "check:check_command",
    "ladder": "ladder:ladder_command",
    "log": "log:log_command",
    "report": "report:report_command",
    "methods": "methods:methods_command",
    "models": "models:models",
    "data": "data:data",
    "suite": "suite:suite",
    "cache": "cache:cache",
}


class _Failure(click.ClickException):
    def __init__(self, error: SpiderOptError) -> None:
        super().__init__(str(error))
        self.exit_code = error.exit_code  # type: ignore[misc]  # click reads it from the instance


class _OnStderr(logging.StreamHandler[TextIO]):
    """Writes to what stderr is at that moment: a bar that stands there takes it over, and shows lines above itself."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _Commands(click.Group):
    """Finds commands by name, and prints our errors as one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"spider_opt.cli.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            from difflib import get_close_matches

            if near := get_close_matches(args[0], COMMANDS, n=1):
                ctx.fail(f"No such command {args[0]!r}. (Did you mean {near[0]!r}?)")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with in_shell():
                if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
                    signal.signal(signal.SIGINT, signal.default_int_handler)  # see __main__: now it ends as below
                return super().invoke(ctx)
        except SpiderOptError as error:
            raise _Failure(error) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # click knows what to do when nobody reads on
            said = f"cannot use {error.filename}: {error.strerror}" if error.filename else str(error)
            raise _Failure(SpiderOptError(said)) from error
        except KeyboardInterrupt as error:
            how, code = how_ended(error)
            click.echo(f"\n{how}; what was done is kept, the same command goes on from there.", err=True)
            sys.exit(code)


@click.group(
    epilog="\b\nExample:\n  spider-opt eval --method zero-shot --limit 20\n  spider-opt leaderboard",
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="spider-opt")
def main() -> None:
    """Measure Text-to-SQL methods on Spider 1.0, or on the bundled benchmark."""
    atexit.register(gc.freeze)  # a process that ends looks for no garbage: 0.1 s of the large packages' own
    logging.basicConfig(format="%(message)s", level=logging.WARNING, handlers=[_OnStderr()])
