"""``spider-opt ask``: one question about a database of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.cli.options import engine_option, request_options
from spider_opt.wording import counted

if TYPE_CHECKING:
    from spider_opt.bound_method import Answered, BoundMethod
    from spider_opt.models import Engine
    from spider_opt.types import JSON, Result, Value

MAX_COUNTED = 10_000
"""Rows that are counted, to say how many are not shown."""


@click.command(
    "ask",
    epilog='\b\nExample:\n  spider-opt ask "How many boats are there?" --database shop.sqlite\n'
    '  spider-opt ask "Which boats are red?" --database shop.sqlite --examples mine.json --method fewshot+rag',
)
@click.argument("question")
@click.option(
    "--database", required=True, type=click.Path(path_type=Path), metavar="FILE", help="SQLite file that it is about"
)
@click.option(
    "--method",
    help="What to do; see: spider-opt methods  [default: finetune+rag; of a model that no adapter comes for, rag]",
)
@click.option("--model", "model_name", metavar="NAME", help="Embedded model, or the name the endpoint knows")
@click.option("--base-url", metavar="URL", help="OpenAI-compatible endpoint; its key is taken from OPENAI_API_KEY")
@engine_option
@click.option(
    "--examples", type=click.Path(path_type=Path), metavar="FILE",
    help="JSON, JSON lines or CSV of question, query and perhaps db_id, for steps that show some",
)  # fmt: skip
@click.option(
    "--embedder", default="all-minilm-l6-v2", show_default=True, metavar="NAME",
    help="What finds examples: weights, hashing (needs none), or MODULE:CALLABLE",
)  # fmt: skip
@click.option("--notes", default="", metavar="TEXT", help="What else the model is told, such as what a code means")
@click.option("--rows", "n_rows", type=click.IntRange(min=0), default=20, show_default=True, help="Rows shown at most")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0.01), default=30.0, show_default=True,
    help="Seconds that one query may take",
)  # fmt: skip
@request_options
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything that samples")
@click.option("--no-cache", is_flag=True, help="Ask the model again, also what it was asked before")
@click.option("--json", "as_json", is_flag=True, help="Print the query, its rows and what it cost as JSON")
def ask_command(
    question: str,
    database: Path,
    method: str | None,
    model_name: str | None,
    base_url: str | None,
    engine: Engine,
    examples: Path | None,
    embedder: str,
    notes: str,
    n_rows: int,
    timeout_s: float,
    max_tokens: int | None,
    request_timeout_s: float | None,
    system: str,
    extra: dict[str, JSON],
    seed: int,
    no_cache: bool,
    as_json: bool,
) -> None:
    """Answer QUESTION about a SQLite database.

    It prints the query and its rows. The query runs in a sandbox that only reads. Without --model the embedded model is
    asked, on this machine.
    """
    from spider_opt import bound_method
    from spider_opt.errors import QueryError

    asking = bound_method.method(
        method,
        model=model_name,
        base_url=base_url,
        engine=engine,
        examples=examples,
        embedder=embedder,
        seed=seed,
        timeout_s=timeout_s,
        max_tokens=max_tokens,
        system=system == "yes",
        extra=extra,
        request_timeout_s=request_timeout_s,
        cache=not no_cache,
    )
    with asking:
        answered = asking.answer(question, database, notes=notes)
    failed, result = None, None
    try:
        result = answered.result(max(n_rows, MAX_COUNTED) + 1)
    except QueryError as error:
        failed = error
    if as_json:
        click.echo(json.dumps(_json(answered, asking, result, n_rows, failed), indent=1))
    else:
        _show(answered, asking, result, n_rows)
    if failed is not None:
        said = f"the query does not run: {failed}" if answered.sql else str(failed)
        raise type(failed)(f"{said}; ask in other words, or try another --method or --model") from failed


def _json(
    answered: Answered, asking: BoundMethod, result: Result | None, n_rows: int, failed: Exception | None
) -> dict[str, object]:
    rows = [] if result is None else result.rows
    return {
        "question": answered.question,
        "database": str(answered.database),
        "sql": answered.sql,
        "columns": None if result is None else list(result.columns),
        "rows": None if result is None else [[_jsonable(value) for value in row] for row in rows[:n_rows]],
        "more_rows": len(rows) > n_rows,
        "error": None if failed is None else str(failed),
        "method": asking.method.label,
        "model": answered.model.name,
        "usage": answered.usage.to_json(),
        "trace": list(answered.trace),
    }


def _jsonable(value: Value) -> int | float | str | None:
    """Return a value as JSON has it: bytes in hex as SQL writes them, infinity as text."""
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return str(value) if value in (float("inf"), float("-inf")) else value


def _show(answered: Answered, asking: BoundMethod, result: Result | None, n_rows: int) -> None:
    from spider_opt.cli.terminal import harmless, table

    if answered.sql:
        click.echo(f"{harmless(answered.sql)}\n")
    if result is not None:
        shown = result.rows[:n_rows]
        if shown or not result.rows:
            click.echo(table(result.columns, shown))
        click.echo(_counted(len(result.rows), n_rows))
    usage = answered.usage
    click.echo(
        f"{asking.method.label}, {harmless(answered.model.name)}: {counted(usage.calls, 'model call')}, "
        + (
            "tokens unknown"
            if usage.untold
            else f"{usage.prompt_tokens:,} tokens read, {usage.completion_tokens:,} written"
        )
        + f", {usage.seconds:.1f} s",
        err=True,
    )


def _counted(n: int, n_shown: int) -> str:
    if n <= n_shown:
        return f"({counted(n, 'row')})"
    most = max(n_shown, MAX_COUNTED)
    more = f"more than {most - n_shown:,} more rows" if n > most else f"{n - n_shown:,} more"
    return f"… and {more} (--rows N shows N)"
