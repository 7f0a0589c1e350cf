"""What an adapter learnt from, as its card and the file beside it say."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spider_opt.benchmarks.learnt import question_hashes
from spider_opt.errors import LeakError
from spider_opt.models.adapters import Adapter, all_learnt
from spider_opt.training.dataset import Item
from spider_opt.types import Question
from spider_opt.wording import either


def learnt_databases(items: Sequence[Item], start: Adapter | None = None) -> frozenset[str] | None:
    """Return the ids of the databases of items and their demos, and of what the adapter ``start`` learnt before.

    None where that does not say: part of a list would be a wrong one.
    """
    before = [] if start is None else [start.learnt_databases]
    return all_learnt([frozenset(question.db_id for question in _questions(items)), *before])


def learnt_questions(items: Sequence[Item], start: Adapter | None = None) -> frozenset[str] | None:
    """Return the hashes of the questions of items and their demos, and of what ``start`` learnt, as above."""
    before = [] if start is None else [start.learnt_questions]
    return all_learnt([question_hashes(question.text for question in _questions(items)), *before])


def check_start(
    start: Adapter, held_out: Sequence[Item], alike: Iterable[frozenset[str]], tell: Callable[[str], None]
) -> None:
    """Make sure that an adapter to begin with has not learnt what is held out, nor a database with its contents.

    ``alike`` are groups of databases with equal contents (``benchmarks.equal_contents``). Where the adapter's card does
    not say what it learnt, ``tell`` gets a sentence.

    Raises:
        LeakError: it has.
    """
    if start.learnt_databases is None:
        tell(
            f"the card of {start.name} does not say which databases it learnt from: whether what is compared by is "
            "among them is not known"
        )
    learnt = {db_id.lower() for db_id in start.learnt_databases or ()}
    for group in alike:
        names = {db_id.lower() for db_id in group}
        learnt |= names if names & learnt else set()
    _refuse(start, {item.question.db_id.lower() for item in held_out} & learnt)


def check_names(start: Adapter, held_out: Iterable[str]) -> None:
    """Make sure that an adapter to begin with has not learnt a database that is held out by its name.

    It takes no time, and is asked before what takes some; ``check_start`` looks at contents, too.

    Raises:
        LeakError: it has.
    """
    _refuse(start, {db_id.lower() for db_id in held_out} & {db_id.lower() for db_id in start.learnt_databases or ()})


def _refuse(start: Adapter, seen: Collection[str]) -> None:
    if seen:
        raise LeakError(
            f"the adapter {start.name} learnt from {min(seen)}, or from its rows, which is held out to compare by: "
            "begin with one that did not, or with none; finetune can hold nothing out "
            f"({either('hold_out=False', '--no-hold-out')})"
        )


def chat_questions(file: Path) -> frozenset[str]:
    """Return hashes of what users say in a JSONL file of chats: of each line, since one of them is the question."""
    return question_hashes(line for text in _said_by_users(file) for line in text.splitlines() if line.strip())


def said_of_data(about: Mapping[str, Any] | None, db_ids: Iterable[str] | None) -> dict[str, Any]:
    """Return what a card says of its data: ``about``, and the databases' ids where all are known."""
    known = {} if db_ids is None else {"db_ids": sorted(db_ids)}
    return {**(about or {}), **known}


def _questions(items: Sequence[Item]) -> Iterator[Question]:
    for item in items:
        yield item.question
        yield from (demo.question for demo in item.context.demos)


def _said_by_users(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                messages = json.loads(line)["messages"]
                said = [message["content"] for message in messages if message["role"] == "user"]
            except (ValueError, LookupError, TypeError, RecursionError):
                continue  # what is wrong with it is said where the file is checked
            for content in said:
                parts = content if isinstance(content, list) else [{"text": content}]
                yield from (
                    part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)
                )
