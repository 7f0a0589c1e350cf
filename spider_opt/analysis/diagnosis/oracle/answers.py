"""What the oracle's questions were answered, in a file of its own form that no reader of predictions takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from spider_opt.analysis.diagnosis.causes import Rung
from spider_opt.errors import RunError
from spider_opt.kinds import NUMBER, Kind, check_all, check_kinds
from spider_opt.paths import append_whole, write_whole
from spider_opt.rows import parsed
from spider_opt.runs.answers import ORACLE
from spider_opt.types import Example, Usage

FILE = "oracle.jsonl"
FORMAT = 1
WARNING = "These answers saw gold: they are for diagnosis alone, and no predictions."


class Group(StrEnum):
    """Whose questions are asked again, and how."""

    WRONG = "wrong"
    """Those answered wrong, up the rungs until one mends it."""
    RIGHT = "right"
    """Some of those answered right, on every rung: what turns wrong by more context."""
    REORDERED = "reordered"
    """Some of those answered wrong, the tables in the opposite order: what turns right by chance."""


@dataclass(frozen=True, slots=True)
class OracleAnswer:
    """A query that a model wrote with a part of gold in its prompt. It is no ``Prediction``, and nothing scores it.

    ``rung`` is None in the group that is shown nothing of gold. ``instead`` is a hash of the run's own answer.
    """

    group: Group
    rung: Rung | None
    index: int
    id: str
    query: str
    usage: Usage
    instead: str

    @property
    def key(self) -> tuple[Group, Rung | None, int]:
        """What was asked: nothing is asked twice."""
        return self.group, self.rung, self.index


_KINDS: Mapping[str, Kind] = {
    ORACLE: (str, type(None)), "group": str, "index": int, "id": str, "saw_gold_and_said": str, "usage": dict,
    "instead": str,
}  # fmt: skip


def to_line(answer: OracleAnswer) -> str:
    """Write an answer as one line of JSON, newline included."""
    told = {
        ORACLE: answer.rung,
        "group": answer.group,
        "index": answer.index,
        "id": answer.id,
        "saw_gold_and_said": answer.query,
        "usage": answer.usage.to_json(),
        "instead": answer.instead,
    }
    return json.dumps(told) + "\n"  # in ASCII: half a surrogate pair may come from a server


class OracleFile:
    """The answers that a folder has, of one run by one asking; what is added is there at once.

    ``own`` are the run's own answers by index: what was asked of others is left alone.

    Raises:
        RunError: the file is of another run or asking, or none of the oracle's.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], own: Mapping[int, str]) -> None:
        self._own = {index: hash_of(sql) for index, sql in own.items()}
        self.path = folder / FILE
        self._head = {ORACLE: None, "format": FORMAT, "warning": WARNING, **identity}
        self.answers: dict[tuple[Group, Rung | None, int], OracleAnswer] = {}
        if self.path.exists():
            self._read()

    def add(self, group: Group, rung: Rung | None, example: Example, query: str, usage: Usage) -> None:
        """Write what was answered to a question."""
        answer = OracleAnswer(group, rung, example.index, example.question.id, query, usage, self._own[example.index])
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, json.dumps(self._head) + "\n")
        append_whole(self.path, to_line(answer))
        self.answers[answer.key] = answer

    def _read(self) -> None:
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RunError(f"{self.path} cannot be read: {error}") from error
        lines = text.split("\n")
        try:
            head = parsed(lines[0])
            there = {key: head[key] for key in self._head}
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise RunError(f"{self.path} is none of the oracle's files: name another folder") from error
        if differ := [key for key, value in self._head.items() if there[key] != value]:
            said = "; ".join(f"{key} is {there[key]!r} there, {self._head[key]!r} now" for key in differ)
            raise RunError(f"{self.path} is of another run, or was asked otherwise ({said}): name another folder")
        whole = [line for line in lines[1:-1] if line]
        for number, line in enumerate(whole, 2):
            try:
                answer = _from_line(line)
            except (ValueError, TypeError, LookupError, RecursionError) as error:
                raise RunError(f"{self.path}, line {number} is no answer of the oracle's: {error!r}") from error
            if self._own.get(answer.index) == answer.instead:
                self.answers[answer.key] = answer
        if lines[-1]:  # a process was killed while it wrote
            write_whole(self.path, "\n".join([*lines[:-1], ""]))


def _from_line(line: str) -> OracleAnswer:
    entry = parsed(line)
    lacking = _KINDS.keys() - entry.keys()
    if lacking:
        raise ValueError(f"it lacks {', '.join(sorted(lacking))}")
    check_kinds(entry, _KINDS)
    check_all("usage", entry["usage"], NUMBER)
    rung = None if entry[ORACLE] is None else Rung(entry[ORACLE])
    group = Group(entry["group"])
    said = entry["index"], entry["id"], entry["saw_gold_and_said"], Usage(**entry["usage"]), entry["instead"]
    return OracleAnswer(group, rung, *said)


def hash_of(sql: str) -> str:
    """Return a short hash of a query."""
    return hashlib.sha256(sql.encode("utf-8", "surrogatepass")).hexdigest()[:12]
