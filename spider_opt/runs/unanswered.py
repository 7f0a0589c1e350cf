"""Questions without an answer: when asking on is no use, which may be given up, and what a run says of them.

None of them is a wrong answer. One that a server refuses for good (by a filter, or because the prompt is longer than
the context) may be given up, if the user says so: it then stays in n as wrong, and says why.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from spider_opt.errors import ModelError, ModelUnavailable, NoAnswer, RunError
from spider_opt.runs.answers import Answer
from spider_opt.scoring.report import Scored, ScoreReport
from spider_opt.types import Example, Outcome, Prediction
from spider_opt.wording import argument, either

MOST_ALIKE = 10
MOST_SLOW = 3
"""Questions in a row, each of which cost the whole time that an answer is waited for."""
_NUMBERED = re.compile(r"\S*\d\S*")
DETAIL = {
    NoAnswer.ONLY_THOUGHT: "the model thought and answered nothing",
    NoAnswer.FILTERED: "the server's filter refused it",
    NoAnswer.TOO_LONG: "the prompt is longer than the model's context",
    NoAnswer.REFUSED: "the server refused the request",
}


class Unanswered:
    """What a run had no answer to so far. At most ``give_up`` questions, of which ``given_up`` are already, may be."""

    def __init__(self, give_up: int = 0, given_up: int = 0) -> None:
        self.errors: dict[str, ModelError] = {}
        self._give_up = give_up
        self._given_up = given_up
        self._alike = ""
        self._in_a_row = 0

    def answered(self) -> None:
        """Note that a question was answered: the server works."""
        self._alike, self._in_a_row = "", 0

    def note(self, question: str, error: ModelError) -> None:
        """Note that a question got no answer.

        Raises:
            ModelUnavailable: so many got none alike, or more are refused than may be given up, that it stops here.
        """
        self.errors[question] = error
        refused = sum(one.why.for_good for one in self.errors.values()) + self._given_up
        said = str(error).rstrip(".")
        if error.why.for_good and self._give_up:
            if refused > self._give_up:
                raise ModelUnavailable(
                    f"{refused} questions are refused for good, more than the {self._give_up} that may be given up "
                    f"({argument('give_up')}): {said}"
                )
            return
        alike = f"{error.why} {_NUMBERED.sub('#', said)[:120]}"
        self._in_a_row = self._in_a_row + 1 if alike == self._alike else 1
        self._alike = alike
        if self._in_a_row >= (MOST_SLOW if error.why is NoAnswer.TIMEOUT else MOST_ALIKE):
            raise ModelUnavailable(
                f"{self._in_a_row} questions in a row got no answer for the same reason, so it stops here: {said}; "
                f"what was answered is kept, {_same()} goes on"
                + (f", and {argument('give_up', 'N')} lets N be refused, counted as wrong" if refused else "")
            )

    def to_give_up(self, examples: Sequence[Example]) -> list[Answer]:
        """Return what stands for the answers of those that are given up; none while others have no answer yet."""
        if not self._give_up or any(not error.why.for_good for error in self.errors.values()):
            return []
        asked = {example.question.id: example for example in examples}
        given = []
        for name, error in self.errors.items():
            trace = {"step": "given up", "why": error.why.value, "said": str(error)}
            prediction = Prediction("", trace=(trace,), refused=error.why.value)
            given.append(Answer(asked[name].index, name, asked[name].question.db_id, prediction))
        self.errors = {}
        return given


def check_answered(unanswered: Mapping[str, ModelError]) -> None:
    """Make sure that all questions have an answer.

    Raises:
        RunError: some have none; the first error stands behind it.
    """
    if not unanswered:
        return
    name, error = next(iter(unanswered.items()))
    n = len(unanswered)
    kinds = Counter(one.why for one in unanswered.values())
    told = kinds.keys() != {NoAnswer.FAULT}
    counted = "".join(f"{count} {why.value}, " for why, count in kinds.items()) if told else ""
    refused = sum(count for why, count in kinds.items() if why.for_good)
    raise RunError(
        f"{n} question{'s have' if n > 1 else ' has'} no answer ({counted}{name}: {str(error).rstrip('.')}); the run "
        f"is unfinished and not scored, {_same()} asks again"
        + (f", and {argument('give_up', str(refused))} finishes without, counted as wrong" if refused else "")
    ) from error


def _same() -> str:
    return either("the same call", "the same command")


def with_refused(report: ScoreReport, answers: Collection[Answer]) -> ScoreReport:
    """Return verdicts in which a question that was given up is called refused: it counts as wrong like any other."""
    refused = {answer.index: answer.prediction.refused for answer in answers if answer.prediction.refused}
    if not refused:
        return report
    return replace(report, scored=tuple(_refused(one, refused.get(one.index, "")) for one in report.scored))


def _refused(scored: Scored, why: str) -> Scored:
    if not why:
        return scored
    known = {kind.value: detail for kind, detail in DETAIL.items()}
    metrics = {name: False if isinstance(value, bool) else 0.0 for name, value in scored.metrics.items()}
    detail = f"given up: {known.get(why, why)}"
    return replace(scored, correct=False, outcome=Outcome.REFUSED, detail=detail, metrics=metrics)
