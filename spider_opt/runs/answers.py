"""A run's ``predictions.jsonl``: one answer a line."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from spider_opt.benchmarks.ids import content_of, position_of
from spider_opt.benchmarks.listing import how_named
from spider_opt.benchmarks.subsets import examples_of
from spider_opt.benchmarks.table import benchmark_names
from spider_opt.errors import PredictionsError, RunError
from spider_opt.kinds import NUMBER, Kind, check_all, check_kinds
from spider_opt.paths import write_whole
from spider_opt.rows import parsed
from spider_opt.runs.info import FILE as RUN_FILE
from spider_opt.runs.info import RunInfo
from spider_opt.types import Benchmark, Candidate, Example, Prediction, Usage
from spider_opt.wording import argument, either

QUESTION = "{question}"
"""Stands in a raw answer for the question's words, where it repeats them: a run holds none of the benchmark's text."""
ORACLE = "oracle"
"""Marks what a model answered with a part of gold in its prompt, to diagnose a run: it is no answer of any run's."""
# What stands in a candidate's JSON always.
_TOLD = ("step", "sql", "outcome")
_KNOWN = {f.name for f in fields(Candidate)}
_KINDS: Mapping[str, Kind] = {
    "index": int, "id": str, "db_id": str, "sql": str, "usage": dict, "trace": list, "candidates": list,
    "context": dict, "answer": str, "refused": str, "logprob": (int, float, type(None)),
}  # fmt: skip
_KINDS_OF_CANDIDATE: Mapping[str, Kind] = {
    **{f.name: str for f in fields(Candidate)}, "n": int, "logprob": (int, float, type(None))
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """A prediction and the question it belongs to, as on one line of ``predictions.jsonl``.

    ``context`` tells by figures how good what retrieval brought was, where that was measured.
    """

    index: int
    id: str
    db_id: str
    prediction: Prediction
    context: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A line of a ``predictions.jsonl``, counted from 1, that is no answer, and what is wrong with it."""

    number: int
    line: bytes
    why: str


def read_answers(path: Path) -> list[Answer]:
    """Read a ``predictions.jsonl``.

    Raises:
        RunError: a line is not an answer.
    """
    answers, damaged = _read(path)
    for one in damaged[:1]:
        more = f"; {len(damaged) - 1} more are none" if len(damaged) > 1 else ""
        raise RunError(
            f"{path}, line {one.number} is not an answer: {one.why}{more}; to have that question asked again, "
            f"{either('evaluate it again', 'run its eval command again')}"
        )
    return answers


def _read(path: Path) -> tuple[list[Answer], list[Damaged]]:
    answers, damaged = [], []
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise RunError(f"no {path.name} in {path.parent}") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).split(b"\n"), 1):
        if line:
            try:
                answers.append(_read_line(line))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                damaged.append(Damaged(number, line, repr(error)))
    return answers, damaged


def pair_answers(benchmark: Benchmark, path: Path, expected: int | None = None) -> list[tuple[Example, Answer]]:
    """Pair the answers of a ``predictions.jsonl`` with the benchmark's questions, by what their ids say of the content.

    ``expected`` is the number of answers that there should be, by default one for each question. Ids of earlier
    versions are positions, which hold only where the ``run.json`` beside the file has the benchmark's fingerprint. The
    answers come back with the index and the id that their question has here.

    Raises:
        PredictionsError: an answer belongs to no question, a question has two, or some have none; or the ids are
            positions, and nothing says that they are those of these questions.
        RunError: the file is not one of answers, or the file beside it does not describe a run.
    """
    info = RunInfo.read(path.parent) if (path.parent / RUN_FILE).exists() else None
    split = f"{benchmark.name} {benchmark.split}"
    answers = read_answers(path)
    try:
        pairs = pair_read(benchmark, answers, str(path), info.fingerprint if info else "")
    except PredictionsError as error:
        if info is None or info.benchmark == benchmark.name or info.benchmark not in benchmark_names():
            raise
        raise PredictionsError(
            f"{path} is of a run that was asked {info.asked}, and not {split}: name that, {how_named(info.benchmark)}"
        ) from error
    expected = len(benchmark.examples) if expected is None else expected
    if len(pairs) < expected:
        done = info is not None and info.scorer is not None and info.n == len(pairs)
        whole = f"its run was asked no more, ask all, without {argument('limit')}" if done else "finish the run first"
        if done and info is not None and info.fingerprint != benchmark.fingerprint:
            whole = (
                f"these were others when its run was asked, and spider-opt score {path.parent} tells what it comes to"
            )
        raise PredictionsError(f"{path} has {len(pairs)} answers, {split} wants {expected}: {whole}")
    return pairs


def pair_read(
    benchmark: Benchmark, answers: Sequence[Answer], where: str, fingerprint: str = ""
) -> list[tuple[Example, Answer]]:
    """Pair answers as ``pair_answers`` does; ``where`` says what they were read from.

    Raises:
        PredictionsError: as there, but that questions may lack answers.
    """
    split = f"{benchmark.name} {benchmark.split}"
    examples = examples_of(benchmark, (answer.id for answer in answers))
    found: dict[int, tuple[Example, Answer]] = {}
    for answer in answers:
        example = examples.get(answer.id)
        by_position = content_of(answer.id) is None and (example is None or answer.id != example.question.id)
        if by_position and position_of(answer.id) and fingerprint != benchmark.fingerprint:
            other = "has other questions or databases now" if fingerprint else "may have had others then"
            raise PredictionsError(
                f"{where} names its questions by their positions ({answer.id}), as earlier versions did, but {split} "
                f"{other}: ask again with spider-opt eval, which takes from the cache what was asked before"
            )
        if example is None or example.question.db_id != answer.db_id or (by_position and example.index != answer.index):
            raise PredictionsError(
                f"{where} answers {answer.id} on {answer.db_id}, which is no question of {split} here"
            )
        if example.index in found:
            raise PredictionsError(f"{where} answers {answer.id} twice")
        found[example.index] = (example, replace(answer, index=example.index, id=example.question.id))
    return [found[index] for index in sorted(found)]


def mend(path: Path) -> tuple[list[Answer], list[Damaged]]:
    """Read answers, after cutting off a last line that a killed run left half-written; and lines that are damaged.

    These are put into a file of their own, ``predictions.jsonl.damaged``, before the answers are written again without
    them: their questions are asked anew.

    Raises:
        RunError: no line is an answer, so that it is another kind of file; or it cannot be read.
        OSError: it cannot be written.
    """
    if not path.exists():
        return [], []
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with path.open("r+b") as file:
            file.truncate(whole)
    answers, damaged = _read(path)
    if damaged:
        if not answers:
            read_answers(path)
        with path.with_name(f"{path.name}.damaged").open("ab") as file:
            file.writelines(one.line + b"\n" for one in damaged)
        write_whole(path, "".join(map(to_line, answers)))
    return answers, damaged


def to_line(answer: Answer) -> str:
    """Write an answer as one line of JSON, newline included."""
    prediction = answer.prediction
    entry = {
        "index": answer.index,
        "id": answer.id,
        "db_id": answer.db_id,
        "sql": prediction.sql,
        "usage": prediction.usage.to_json(),
        "trace": list(prediction.trace),
    }
    if answer.context:
        entry["context"] = dict(answer.context)
    if prediction.refused:
        entry["refused"] = prediction.refused
    if prediction.text:
        entry["answer"] = prediction.text
    if prediction.logprob is not None:
        entry["logprob"] = prediction.logprob
    if prediction.candidates:
        entry["candidates"] = [_candidate_to_json(candidate) for candidate in prediction.candidates]
    line = json.dumps(entry, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:  # half a surrogate pair, as a model's server may send it
        line = json.dumps(entry)
    return line + "\n"


def _candidate_to_json(candidate: Candidate) -> dict[str, Any]:
    """Return it without what is as it mostly is: said once, nothing but the query, no log probability, unsorted."""
    mostly = asdict(Candidate("", "", candidate.sql, ""))
    return {key: value for key, value in asdict(candidate).items() if key in _TOLD or value != mostly[key]}


def _candidate_from_json(entry: Mapping[str, Any]) -> Candidate:
    return Candidate(**{"text": entry["sql"], **{key: value for key, value in entry.items() if key in _KNOWN}})


def _read_line(line: bytes) -> Answer:
    entry = parsed(line.decode("utf-8"))
    if ORACLE in entry:
        raise ValueError("it saw gold, and is no answer of a run")
    index, name, db_id, sql = (entry[key] for key in ("index", "id", "db_id", "sql"))
    check_kinds(entry, _KINDS, signed=("logprob",))
    check_all("usage", entry.get("usage", {}), NUMBER)
    check_all("trace", entry.get("trace", []), dict)
    for candidate in entry.get("candidates", []):
        check_kinds(candidate, _KINDS_OF_CANDIDATE, signed=("logprob",))
    prediction = Prediction(
        sql,
        Usage(**entry.get("usage", {})),
        tuple(entry.get("trace", ())),
        logprob=entry.get("logprob"),
        text=entry.get("answer", ""),
        candidates=tuple(map(_candidate_from_json, entry.get("candidates", ()))),
        refused=entry.get("refused", ""),
    )
    context = entry.get("context", {})
    check_all("context", context, NUMBER)
    return Answer(index, name, db_id, prediction, context)
