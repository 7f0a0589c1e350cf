"""Which of several fields that could tell the same of a question does, and whether they contradict each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from spider_opt.benchmarks.questions import normal_text
from spider_opt.runs.prediction_files.entries import Known, bare, number_of
from spider_opt.runs.prediction_files.field_roles import Role, role_of

_WHAT: Mapping[Role, str] = {"db_id": "database", "id": "id", "index": "number"}


class Contradiction(Exception):
    """Two fields tell different things of the same: ``at`` is the entry that shows it."""

    def __init__(self, text: str, at: int) -> None:
        super().__init__(text)
        self.at = at


def telling_fields(columns: Mapping[str, Sequence[str]], names: Mapping[str, str], known: Known) -> dict[Role, str]:
    """Return the field that tells each part of the question; ``names`` are those of ``columns`` by ``rows.name_of``.

    Of several for one part it is one whose texts are the benchmark's (ids, numbers, databases, questions, golds), else
    the first.

    Raises:
        Contradiction: two are the benchmark's, and an entry has different ones.
    """
    of: dict[Role, list[str]] = {}
    for field in columns:
        if role := role_of(names[field]):
            of.setdefault(role, []).append(field)
    said = {field: [text.strip() for text in columns[field]] for several in of.values() for field in several}
    chosen: dict[Role, str] = {}
    for role, fields in of.items():
        fitting = [field for field in fields if _fits(role, said[field], known)] if len(fields) > 1 else fields
        chosen[role] = (fitting or fields)[0]
        if role == "db_id":
            _check("db_id", fitting or fields, {f: [_stem(text) for text in said[f]] for f in fields})
    either = [*of.get("id", ()), *of.get("index", ())]
    _check("id", [field for field in either if _are_ids(said[field], known)], said)
    numbers = {
        field: [number_of(text) or 0 for text in said[field]] for field in either if _are_numbers(said[field], known)
    }
    for field in list(numbers)[1:]:
        first, *_ = numbers
        apart = {one - other for one, other in zip(numbers[first], numbers[field], strict=True)}
        if not (len(apart) == 1 and apart <= {-1, 0, 1}):
            _check("index", [first, field], said)
    return chosen


def _check(role: Role, fields: Sequence[str], said: Mapping[str, Sequence[str]]) -> None:
    for other in fields[1:]:
        pairs = enumerate(zip(said[fields[0]], said[other], strict=True))
        if (at := next((i for i, (one, two) in pairs if one and two and one != two), None)) is not None:
            raise Contradiction(
                f'the fields "{fields[0]}" and "{other}" can each be the {_WHAT[role]}, and differ: leave one of them '
                "out",
                at,
            )


def _fits(role: Role, texts: Collection[str], known: Known) -> bool:
    """Tell whether texts may be those of the benchmark; a text that is empty says nothing."""
    there = [text for text in texts if text]
    if role == "db_id":
        return bool(there) and all(text in known.db_ids for text in there)
    if role == "question":
        return sum(normal_text(text) in known.questions for text in there) * 2 > len(there)
    if role == "gold":
        return known.are_golds([bare(text) for text in there])
    return _are_ids(texts, known) or _are_numbers(texts, known)


def _are_ids(texts: Collection[str], known: Known) -> bool:
    there = [text for text in texts if text]
    return bool(there) and known.has_ids(there)


def _are_numbers(texts: Collection[str], known: Known) -> bool:
    """Tell whether each text is another number of a question."""
    numbers = {number for text in texts if (number := number_of(text)) is not None}
    return 0 < len(numbers) == len(texts) and max(numbers) <= known.n_total


def _stem(text: str) -> str:
    return PurePosixPath(text.replace("\\", "/")).stem.lower()
