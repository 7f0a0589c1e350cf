"""``spider-opt methods``: what a method can be made of."""

from __future__ import annotations

import inspect
import json
from dataclasses import MISSING, fields
from typing import Any

import click


@click.command(
    "methods",
    epilog="\b\nExample:\n  spider-opt eval --method zero-shot:rows=3,schema=compact",
)
@click.option("--json", "as_json", is_flag=True, help="Print steps and aliases as JSON")
def methods_command(as_json: bool) -> None:
    """List the steps a method is made of, with their options.

    Steps are joined by +, in any order; options follow a colon. An alias stands for several steps.
    """
    from spider_opt.errors import MethodError
    from spider_opt.methods import step_names, step_type
    from spider_opt.steps import ALIASES

    steps = []
    for name in sorted(step_names()):
        try:
            steps.append(_describe(name, step_type(name)))
        except MethodError as error:
            click.echo(f"left out: {error}", err=True)
    if as_json:
        click.echo(json.dumps({"steps": steps, "aliases": ALIASES}, indent=1))
        return
    for step in steps:
        options = ", ".join(f"{key}={value}" for key, value in step["options"].items())
        click.echo(f"{step['name']}  [{step['stage']}]  {options}".rstrip())
        click.echo("    " + step["doc"].replace("\n", "\n    ").rstrip() + "\n")
    for name, text in sorted(ALIASES.items()):
        click.echo(f"{name}  [alias]  stands for {text}")


def _describe(name: str, kind: type[Any]) -> dict[str, Any]:
    from spider_opt.methods import written

    defaults = {f.name: "" if f.default is MISSING else written(f.default) for f in fields(kind) if f.init}
    return {
        "name": name,
        "stage": kind.stage.name.lower(),
        "options": defaults,
        "doc": inspect.getdoc(kind) or "",
    }
