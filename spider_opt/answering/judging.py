"""Judges: what tells right from wrong candidates without gold, where they disagree.

None is ours yet. A package names one by an entry point of the group ``spider_opt.judges``::

    [project.entry-points."spider_opt.judges"]
    verifier = "my_package:opens"

which is a function of a ``ChatModel``, the one that answers, and returns a ``Judge``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from spider_opt import arguments
from spider_opt.answering.disagreement import Group
from spider_opt.errors import MethodError
from spider_opt.plugins import Names
from spider_opt.types import ChatModel, Completion, ModelInfo, Question, Request, Usage

JUDGES: dict[str, str] = {}
ENTRY_POINTS = "spider_opt.judges"
_NAMES = Names("judge", JUDGES, ENTRY_POINTS, "spider-opt methods", MethodError)


class Judge(Protocol):
    """Says how likely it is that a group's query answers a question."""

    def __call__(self, question: Question, schema: str, group: Group) -> float:
        """Return a number from 0 to 1; ``schema`` is the text that a prompt shows of the database.

        Raises:
            ModelError: the model that it asks did not answer.
        """


def judge_named(name: str) -> Callable[[ChatModel], Judge]:
    """Return what opens a judge, by its name; '' for the only one that there is.

    Raises:
        MethodError: there is none, or no such one; or several, where none is named.
    """
    names: Mapping[str, object] = _NAMES.import_paths()
    if not names:
        raise MethodError(
            "there is no judge to select by: install a package that has one (an entry point of the group "
            f"{ENTRY_POINTS}), or choose without one by vote"
        )
    if not name and len(names) > 1:
        raise MethodError(f"there are several judges, name one: {', '.join(f'judge={name}' for name in sorted(names))}")
    return cast(Callable[[ChatModel], Judge], _NAMES.load(name or next(iter(names)))[1])


def scores(judge: Judge, question: Question, schema: str, groups: Sequence[Group]) -> list[float]:
    """Ask a judge about each group.

    Raises:
        ModelError: the model that it asks did not answer.
        UsageError: it says what is no number from 0 to 1.
    """
    found = []
    for group in groups:
        said: object = judge(question, schema, group)
        if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= 1:
            raise arguments.gave(said, "judge", "a number from 0 to 1")
        found.append(float(said))
    return found


def best(groups: Sequence[Group], scores: Sequence[float], *, by_votes: bool = True) -> int:
    """Return the number of the candidate that stands for the group with the highest score.

    With ``by_votes`` a score counts as often as its group has votes. Of equal ones it is the one that a vote takes.

    >>> several = [Group(0, "SELECT 1", 3), Group(4, "SELECT 2", 1)]
    >>> [best(several, [0.3, s], by_votes=by) for s, by in ((0.6, True), (0.6, False), (0.95, True))]
    [0, 4, 4]
    """

    def rank(pair: tuple[Group, float]) -> tuple[float, float, float]:
        group, score = pair
        votes = float(group.votes)
        return score * (votes if by_votes else 1.0), votes, group.likelihood

    return max(zip(groups, scores, strict=True), key=rank)[0].number


@dataclass
class Metered:
    """A model that adds up what is ``spent`` by asking it."""

    inner: ChatModel
    spent: Usage = field(default_factory=Usage)

    @property
    def info(self) -> ModelInfo:
        """The model's."""
        return self.inner.info

    def complete(self, request: Request) -> list[Completion]:
        """Return the model's samples.

        Raises:
            ModelError: it did not answer.
        """
        done = self.inner.complete(request)
        self.spent = sum((completion.usage for completion in done), self.spent)
        return done
