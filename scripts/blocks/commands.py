"""The help of every command."""

from __future__ import annotations

from collections.abc import Iterator

import click

from spider_opt.cli import main as program

WIDTH = 100


def help_pages() -> str:
    """Return a heading and the help page of each command, as it is printed."""
    parts = []
    for context in contexts():
        said = context.command.get_help(context)
        depth = "#" * (context.command_path.count(" ") + 2)
        parts.append(f"{depth} {context.command_path}\n\n```text\n$ {context.command_path} --help\n{said}\n```\n")
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
