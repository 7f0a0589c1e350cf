"""What a run has spent of its budget: a run folder's ``spending.jsonl``, which a killed process leaves true.

A line is written before a request is sent, with the most that it may cost ("hold"), and one when it is known what it
did ("paid"). What was held and never paid, because the process was killed, counts in full.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from spider_opt.errors import RunError
from spider_opt.models.budget import Account, Budget, Note, Spent
from spider_opt.paths import append_whole
from spider_opt.prices import Price
from spider_opt.rows import parsed
from spider_opt.runs.answers import read_answers
from spider_opt.runs.claiming import writing
from spider_opt.runs.verdict_files import PREDICTIONS
from spider_opt.types import Usage

SPENDING = "spending.jsonl"


def account_of(folder: Path, bounds: Budget, price: Price | None, *, afresh: bool) -> Account | None:
    """Return the account of a run: what was spent in its folder counts; with ``afresh`` all begins anew.

    None where nothing is bounded and nothing was before: nobody counts then. A run that was begun without a budget has
    spent what its answers took, as far as that was told.

    Raises:
        RunError: the file there is none of spending.
    """
    path = folder / SPENDING
    if bounds == Budget() and (afresh or not path.exists()):
        return None
    before, first = Spent(), {}
    if not afresh and path.exists():
        before = read_spending(path)
    elif not afresh and (folder / PREDICTIONS).exists():
        before = _of_answers(folder / PREDICTIONS, price)
        first = {"before": before.to_json()}
    session = secrets.token_hex(4)
    return Account(bounds, price, before, _noting(path, first, session, afresh=afresh), session=f"{session}-")


def _noting(path: Path, first: Mapping[str, Any], session: str, *, afresh: bool) -> Note:
    begun: list[bool] = []

    def note(entry: Mapping[str, Any]) -> None:
        with writing(path.parent):
            if not begun:
                begun.append(True)
                if afresh and path.exists():
                    path.replace(next(aside for n in count(1) if not (aside := path.with_suffix(f".{n}")).exists()))
                _mend(path)
                if first and not path.exists():
                    append_whole(path, json.dumps(first) + "\n")
            append_whole(path, json.dumps({**entry, "session": session}) + "\n")

    return note


def _mend(path: Path) -> None:
    """Cut off a last line that a killed process left half-written."""
    data = path.read_bytes() if path.exists() else b""
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with path.open("r+b") as file:
            file.truncate(whole)


def read_spending(path: Path) -> Spent:
    """Return what was spent, of what nobody paid the most that it may have cost.

    Raises:
        RunError: the file cannot be read, or is none of spending.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}") from error
    held: dict[str, Spent] = {}
    seconds: dict[str, float] = {}
    spent = Spent()
    for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
        try:
            entry = parsed(line)
            amount = Spent.from_json(entry.get("before", entry))
            if "before" in entry:
                spent = spent + amount
                continue
            session = str(entry["session"])
            at = Spent.from_json({"seconds": entry["s"]}).seconds
            if "hold" in entry:
                held[str(entry["hold"])] = amount
            else:
                held.pop(str(entry["paid"]))
                spent = spent + amount
            seconds[session] = max(seconds.get(session, 0.0), at)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RunError(
                f"{path}, line {number} says nothing of what was spent ({error!r}), so that what a budget has left is "
                "not known: move the file away to begin a new count"
            ) from error
    lost = sum((replace(one, assumed=1) for one in held.values()), Spent())
    return spent + lost + Spent(seconds=sum(seconds.values()))


def _of_answers(path: Path, price: Price | None) -> Spent:
    """Return what the answers of a run took that had no budget when they were had."""
    usage = sum((answer.prediction.usage for answer in read_answers(path)), Usage())
    dollars = usage.dollars or (price.dollars(usage) if price else 0.0)
    return Spent(
        usage.calls, usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens, dollars, usage.seconds
    )  # fmt: skip
