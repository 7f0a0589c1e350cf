"""Other readings of a file of predictions: which line is for which question where the order may not fit.

A text file says by its order alone what its lines answer. One line that was lost, or is too many, shifts all that
follow, and the number that comes of it looks like that of a worse system.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spider_opt.errors import PredictionsError
from spider_opt.rows import read_text
from spider_opt.runs.prediction_files import is_of_a_run
from spider_opt.runs.prediction_files.entries import Entry, Known
from spider_opt.runs.prediction_files.reading import Predicted, format_of
from spider_opt.runs.prediction_files.text_lines import text_entries
from spider_opt.types import Benchmark, Example
from spider_opt.wording import counted

FURTHEST = 3
"""How many lines an answer may be looked for away from its place."""
A_SHIFT_COSTS = 4
"""Right answers that a shift must bring: by chance some lines are right for their neighbours' questions, too."""
N_LOOKS, A_LOOK = 8, 25
"""Where there is a line for each question, so many parts are looked at, of so many questions, before all are."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to pair lines with questions. ``why`` says what it takes the file for; ``blank`` is an answer of none."""

    name: str
    why: str
    pairs: tuple[Predicted, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a text file, and the questions in the order of their split, None for those without a database."""

    entries: tuple[Entry, ...]
    slots: tuple[Example | None, ...]

    @classmethod
    def read(cls, path: Path, benchmark: Benchmark, *, extract: bool) -> Lines | None:
        """Read a file of predictions by its lines; None where it is no text file, or pairs are told otherwise.

        Raises:
            PredictionsError: it cannot be read.
        """
        if path.is_dir() or is_of_a_run(path):
            return None
        text = read_text(path, PredictionsError)
        if format_of(path, text) != "text":
            return None
        entries = tuple(text_entries(text, Known(benchmark), extract=extract))
        here = tuple(benchmark.examples)
        n_total = benchmark.n_total
        if any(example.index >= n_total for example in here):  # a part of a split
            return cls(entries, here)
        by_index = {example.index: example for example in here}
        every = tuple(by_index.get(index) for index in range(n_total))
        n = sum(bool(entry.sql) for entry in entries)
        near = abs(n - len(here)) < abs(n - n_total)
        return cls(entries, here if near else every)

    @property
    def fit(self) -> bool:
        """Whether there is a line for each question."""
        return len(self.entries) == len(self.slots)

    @property
    def nearly_fit(self) -> bool:
        """Whether most lines have a question and most questions a line: else one by one says nothing of the file."""
        fewer, more = sorted((len(self.entries), len(self.slots)))
        return 2 * fewer > more

    def one_by_one(self, entries: Sequence[Entry], offset: int = 0) -> tuple[Predicted, ...]:
        """Pair each question with the line at its place and ``offset`` lines further on, as far as there are any."""
        return tuple(
            Predicted(example, entries[at + offset].sql, entries[at + offset].cut)
            for at, example in enumerate(self.slots)
            if example is not None and 0 <= at + offset < len(entries)
        )


def as_they_stand(lines: Lines) -> Reading:
    """Return what the scripts make of a file with too few or too many lines: the first lines, one by one."""
    said = f"{counted(len(lines.entries), 'line')} for {counted(len(lines.slots), 'question')}"
    return Reading("lines as they stand", f"{said}, read one by one", lines.one_by_one(lines.entries))


def other_orders(lines: Lines, right: Callable[[Sequence[Predicted]], Mapping[int, bool]]) -> list[Reading]:
    """Return readings that differ from that one by one; ``right`` judges pairs, by the index of the question."""
    found = []
    filled = [entry for entry in lines.entries if entry.sql]
    n_blank = len(lines.entries) - len(filled)
    if n_blank:
        why = f"{counted(n_blank, 'blank line')} dropped, as Spider's first script does: what follows moves up"
        found.append(Reading("blank lines dropped", why, lines.one_by_one(filled)))
    if (by_database := _by_database(lines)) is not None:
        found.append(by_database)
    if (shifted := _shifted(lines, right)) is not None:
        found.append(shifted)
    return found


def _by_database(lines: Lines) -> Reading | None:
    """Pair by the db_id behind each line, in the order of each database's questions, where the orders differ."""
    slots = [example for example in lines.slots if example is not None]
    here = {example.question.db_id for example in slots}
    told = [entry for entry in lines.entries if entry.db_id in here]
    if not all(entry.db_id for entry in lines.entries):
        return None
    wanted = Counter(example.question.db_id for example in slots)
    if Counter(entry.db_id for entry in told) != wanted:
        return None
    if [entry.db_id for entry in told] == [example.question.db_id for example in slots]:
        return None
    waiting: dict[str, list[Entry]] = {}
    for entry in reversed(told):
        waiting.setdefault(entry.db_id, []).append(entry)
    pairs = []
    for example in slots:
        entry = waiting[example.question.db_id].pop()
        pairs.append(Predicted(example, entry.sql, entry.cut))
    why = "the databases behind the lines are in another order than the questions'"
    return Reading("lines by their databases", why, tuple(pairs))


def _shifted(lines: Lines, right: Callable[[Sequence[Predicted]], Mapping[int, bool]]) -> Reading | None:
    """Look for lines that were lost or are too many, by what is right at the places beside.

    Of all ways to go through the lines without turning back, each change of the offset at a price, the best is taken.
    """
    apart = len(lines.entries) - len(lines.slots)
    offsets = sorted({*range(-FURTHEST, FURTHEST + 1), *range(min(apart, 0), max(apart, 0) + 1)}, key=abs)
    if len(offsets) > 8 * FURTHEST:
        return None
    if lines.fit and not _moved_somewhere(lines, offsets, right):
        return None
    verdicts = {offset: right(lines.one_by_one(lines.entries, offset)) for offset in offsets}
    path = _best_path(lines, offsets, verdicts)
    if not any(path):
        return None
    pairs, used = [], set()
    for at, (example, offset) in enumerate(zip(lines.slots, path, strict=True)):
        place = at + offset
        if example is None:
            continue
        entry = lines.entries[place] if 0 <= place < len(lines.entries) and place not in used else None
        used.add(place)
        pairs.append(Predicted(example, entry.sql if entry else "", entry.cut if entry else ""))
    changes = [(at, offset) for at, offset in enumerate(path) if offset != (path[at - 1] if at else 0)]
    told = [f"from question {at} on {_further(offset)}" for at, offset in changes[:4]]
    more = [f"{len(changes) - 4} more shifts"] if len(changes) > 4 else []
    return Reading("lines shifted", "; ".join(told + more), tuple(pairs))


def _moved_somewhere(
    lines: Lines, offsets: Sequence[int], right: Callable[[Sequence[Predicted]], Mapping[int, bool]]
) -> bool:
    """Tell whether, in some part of the file that is looked at, more is right at other places than at its own."""
    asked = [example.index for example in lines.slots if example is not None]
    starts = [len(asked) * part // N_LOOKS for part in range(N_LOOKS)]
    parts = [set(asked[start : start + A_LOOK]) for start in starts]
    looked_at = set().union(*parts)
    n_right: dict[int, list[int]] = {}
    for offset in offsets:
        pairs = lines.one_by_one(lines.entries, offset)
        said = right([pair for pair in pairs if pair.example.index in looked_at])
        n_right[offset] = [sum(said.get(index, False) for index in part) for part in parts]
    return any(there > own for several in n_right.values() for there, own in zip(several, n_right[0], strict=True))


def _best_path(lines: Lines, offsets: Sequence[int], verdicts: Mapping[int, Mapping[int, bool]]) -> list[int]:
    """Return the offset at each place: the most right answers, less what changes of the offset cost."""
    best: dict[int, float] = {offset: -A_SHIFT_COSTS * (offset != 0) for offset in offsets}
    came: list[dict[int, int]] = []
    for at, example in enumerate(lines.slots):
        before = max(best, key=lambda offset: (best[offset], -abs(offset)))
        step: dict[int, int] = {}
        now = {}
        for offset in offsets:
            stays = at == 0 or best[offset] >= best[before] - A_SHIFT_COSTS
            step[offset] = offset if stays else before
            said = verdicts[offset].get(example.index, False) if example is not None else False
            now[offset] = best[step[offset]] - (0 if stays else A_SHIFT_COSTS) + said
        best = now
        came.append(step)
    offset = max(best, key=lambda offset: (best[offset], -abs(offset)))
    path = []
    for step in reversed(came):
        path.append(offset)
        offset = step[offset]
    return path[::-1]


def _further(offset: int) -> str:
    if not offset:
        return "at its place"
    lines = counted(abs(offset), "line")
    return f"{lines} further on, as after lines too many" if offset > 0 else f"{lines} back, as after lines lost"
