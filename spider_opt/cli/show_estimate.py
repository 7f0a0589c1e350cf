"""What a run will take, as a person or a program reads it."""

from __future__ import annotations

import json
from math import isfinite

import click

from spider_opt.evaluation.estimating import Estimate
from spider_opt.evaluation.sampling import Guess
from spider_opt.wording import counted

_WORDS = {
    "calls": "calls",
    "prompt_tokens": "tokens of prompts",
    "cached_tokens": "of them cached",
    "completion_tokens": "tokens of answers",
    "seconds": "seconds, one answer after the other",
    "dollars": "USD",
}


def show_estimate(found: Estimate, as_json: bool) -> None:
    """Print what all questions will take, and what those took that were asked for it."""
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=1))
        return
    is_known = found.asked == found.n
    by = "answered" if is_known else f"estimated by {found.asked:,} of them, with 95 % intervals"
    click.echo(f"all {counted(found.n, 'question')}, {by}:")
    for name, guess in found.amounts.items():
        said = "unknown" if guess is None else _said(guess)
        why = f" ({found.unknown})" if name == "dollars" and found.unknown else ""
        click.echo(f"  {_WORDS[name]}: {said}{why}")
    usage = found.spent
    of_them = "they took" if is_known else f"of that the {found.asked:,} took"
    click.echo(f"  {of_them} {counted(usage.calls, 'call')} and {usage.seconds:,.0f} s")
    if found.folder is not None:
        click.echo(f"answers kept in {found.folder}: the same command without --dry-run goes on there", err=True)


def _said(guess: Guess) -> str:
    if guess.low == guess.high:
        return _number(guess.value)
    if not isfinite(guess.high):
        return f"{_number(guess.value)}, how far off cannot be told by so few"
    return f"{_number(guess.value)} ({_number(guess.low)} to {_number(guess.high)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.3g}"
