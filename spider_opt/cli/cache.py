"""``spider-opt cache``: where what is kept on this machine, how large it is, and emptying it."""

from __future__ import annotations

import json

import click

from spider_opt.cache_contents import KINDS
from spider_opt.wording import counted

_ROW = "{:<10} {:>10}  {:<22} {}"


@click.group(
    invoke_without_command=True,
    epilog="\b\nExample:\n  spider-opt cache\n  spider-opt cache --json\n  spider-opt cache clear responses",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array, bytes and entries as numbers")
@click.pass_context
def cache(context: click.Context, as_json: bool) -> None:
    """Say where what is kept on this machine, and how large it is.

    The cache saves time and money, and no answer is lost without it. It holds, in plain text, what models answered, and
    of your own data questions, queries and rows: empty it before others get the machine. SPIDER_OPT_CACHE names another
    folder for it.
    """
    if context.invoked_subcommand is not None:
        return
    from spider_opt.cache_contents import contents

    rows = contents()
    if as_json:
        fields = [
            {"kind": row.kind, "path": str(row.path), "bytes": row.n_bytes, "entries": row.entries}
            | {"what": KINDS[row.kind].what}
            for row in rows
        ]
        click.echo(json.dumps(fields, indent=2))
        return
    for row in rows:
        entries = counted(row.entries, KINDS[row.kind].unit) if row.entries else ""
        click.echo(_ROW.format(row.kind, _size(row.n_bytes), entries, row.path))
    click.echo(_ROW.format("all", _size(sum(row.n_bytes for row in rows)), "", "").rstrip())


@cache.command(epilog="\b\nExample:\n  spider-opt cache clear\n  spider-opt cache clear responses --yes")
@click.argument("kind", required=False, metavar="[KIND]", type=click.Choice(list(KINDS)))
@click.option("--yes", is_flag=True, help="Do not ask before")
def clear(kind: str | None, yes: bool) -> None:
    """Delete what is kept of one KIND, or all that can be had again.

    Without KIND that is all but the adapters tuned here. The kinds are those that spider-opt cache lists.
    """
    from spider_opt.cache_contents import clear, contents

    there = {row.kind: row for row in contents() if row.n_bytes}
    kinds = [name for name in there if name == kind or (kind is None and not KINDS[name].made_here)]
    if not kinds:
        click.echo("There is nothing to delete.")
        return
    if not yes:
        for name in kinds:
            click.echo(f"{name}: {_size(there[name].n_bytes)}, {KINDS[name].what}", err=True)
        click.confirm("Delete all of that?", abort=True, err=True)
    for name, n_bytes in clear(kinds).items():
        click.echo(f"{name}: {_size(n_bytes)} freed")
    for name in there if kind is None else ():
        if name not in kinds:
            click.echo(f"{KINDS[name].what} stay; to delete them: spider-opt cache clear {name}", err=True)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes >= 1e5 else f"{n_bytes / 1e3:,.1f} kB"
