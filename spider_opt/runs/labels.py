"""What people, and models that judge, say of a run's answers: ``labels.jsonl`` in its folder, beside the verdicts."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from spider_opt import arguments
from spider_opt.errors import RunError
from spider_opt.kinds import Kind, check_kinds
from spider_opt.paths import locked, try_writing, write_all_whole
from spider_opt.rows import jsonl_rows, read_text
from spider_opt.runs.answers import read_answers
from spider_opt.runs.run import Run
from spider_opt.runs.verdict_files import PREDICTIONS
from spider_opt.sql.spacing import same_query_key
from spider_opt.wording import counted

FILE = "labels.jsonl"
Said = Literal["right", "wrong", "unsure"]
SAID: tuple[Said, ...] = get_args(Said)
Drawn = Literal["all", "wrong", "right", "disagree"]
DRAWN: tuple[Drawn, ...] = get_args(Drawn)
_LOG = logging.getLogger("spider_opt")
_KINDS: Mapping[str, Kind] = {
    "index": int, "id": str, "by": str, "judge": bool, "label": str, "reason": str, "corrected": str, "answer": str,
    "gold_shown": bool, "drawn": str,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Label:
    """What ``by`` says of the answer to the question ``id`` of a run: a person, or with ``judge`` a model.

    ``answer`` is the ``answer_hash`` of what was looked at. ``corrected`` is the query that a person gave instead.
    ``gold_shown`` where the gold query was seen; ``drawn`` is which answers the sheet was drawn from: all, those that
    EX calls wrong or right, or those to questions on which runs disagree.
    """

    index: int
    id: str
    by: str
    said: Said
    answer: str
    reason: str = ""
    corrected: str = ""
    judge: bool = False
    gold_shown: bool = False
    drawn: Drawn = "all"

    def to_json(self) -> dict[str, Any]:
        """Return it as a line of the file has it."""
        return {name: getattr(self, "said" if name == "label" else name) for name in _KINDS}


def answer_hash(sql: str) -> str:
    """Return a hash of an answer, the same for queries that differ only in spaces and in case outside quotes."""
    return hashlib.sha256(same_query_key(sql).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def labels(run: Run | Path | str) -> tuple[Label, ...]:
    """Return the labels that people and judges gave a run's answers, in the order of questions.

    They are read from the folder of the run each time. Labels of answers that are others by now are left out, and that
    is logged; a run that has no folder has none.

    Raises:
        UsageError: the argument is of another kind than is due.
        RunError: the folder holds no answers, or its labels cannot be read.
    """
    if isinstance(run, Run):
        folder, answers = run.folder, run.answers
    else:
        folder = arguments.path(run, "run")
        answers = tuple(read_answers(folder / PREDICTIONS))
    if folder is None:
        return ()
    there = {answer.index: (answer.id, answer_hash(answer.prediction.sql)) for answer in answers}
    asked = [label for label in read_labels(folder) if label.index in there]
    found = tuple(label for label in asked if there[label.index] == (label.id, label.answer))
    if lost := len(asked) - len(found):
        are = "is" if lost == 1 else "are"
        _LOG.warning("%s of %s %s of answers that are others now, and left out", counted(lost, "label"), folder, are)
    return found


def read_labels(folder: Path) -> list[Label]:
    """Return all that a run folder's file says, also of answers of before; nothing where there is no file.

    Raises:
        RunError: it is broken.
    """
    path = folder / FILE
    if not path.exists():
        return []
    found: list[Label] = []
    for row in jsonl_rows(read_text(path, RunError), lambda why: RunError(f"{path}: {why}")):
        try:
            found.append(_label(row.value))
        except (ValueError, TypeError, KeyError) as error:
            raise RunError(f"{path}, {row.place} is no label ({error}): mend it, or remove the file") from error
    if twice := next((key for key, n in Counter(map(_key, found)).items() if n > 1), None):
        raise RunError(f"{path} has two labels of question {twice[0]} by {twice[2]}: remove one")
    return found


def keep_labels(folder: Path, new: Iterable[Label], replaced: Collection[tuple[int, bool, str]] = ()) -> None:
    """Put labels into a run folder's file, as ``keep_all_labels`` does.

    Raises:
        RunError: the folder is in use or cannot be written, or its file is broken.
    """
    keep_all_labels({folder: (new, replaced)})


def keep_all_labels(changes: Mapping[Path, tuple[Iterable[Label], Collection[tuple[int, bool, str]]]]) -> None:
    """Put labels into the files of run folders, into all or none; each takes the place of an older one of the same.

    ``changes`` are new labels, and (index, judge, by) of labels that go, also where there is no new one.

    Raises:
        RunError: a folder is in use or cannot be written, or its file is broken.
    """
    files: dict[Path, str | bytes] = {}
    folder = Path()
    try:
        with ExitStack() as held:
            for folder, (new, replaced) in changes.items():
                held.enter_context(locked(folder))
                added = list(new)
                gone = {*replaced, *map(_key, added)}
                kept = [label for label in read_labels(folder) if _key(label) not in gone]
                files[folder / FILE] = "".join(map(_line, sorted([*kept, *added], key=_key)))
            if files:
                write_all_whole(files)
    except BlockingIOError:
        raise RunError(f"{folder} is in use by another command: wait for it, then type this again") from None
    except OSError as error:
        if isinstance(error.filename, str) and error.filename.endswith(f".{FILE}.part"):
            folder = Path(error.filename).parent
        raise RunError(f"cannot write {folder / FILE}: {error.strerror or error}") from error


def check_kept(folders: Iterable[Path]) -> None:
    """Make sure that labels can be kept in run folders: before a model is asked for them.

    Raises:
        RunError: one cannot be written.
    """
    for folder in folders:
        try:
            try_writing(folder, FILE)
        except OSError as error:
            raise RunError(f"cannot write {folder / FILE}: {error.strerror or error}") from error


def _line(label: Label) -> str:
    line = json.dumps(label.to_json(), ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        line = json.dumps(label.to_json())
    return line + "\n"


def _key(label: Label) -> tuple[int, bool, str]:
    return label.index, label.judge, label.by


def _label(entry: object) -> Label:
    if not isinstance(entry, dict) or (lacking := _KINDS.keys() - entry.keys()):
        lacks = f"it has no {min(lacking)}" if isinstance(entry, dict) else "it is no object"
        raise ValueError(lacks)
    check_kinds(entry, _KINDS)
    if entry["label"] not in SAID or entry["drawn"] not in DRAWN:
        raise ValueError(f"its label is {entry['label']!r}, drawn from {entry['drawn']!r}")
    told = {name: entry[name] for name in _KINDS if name != "label"}
    return Label(said=entry["label"], **told)
