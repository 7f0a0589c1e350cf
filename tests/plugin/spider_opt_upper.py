"""A method step from outside: whatever is inside answers, this one writes the answer in capitals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from spider_opt.types import Generator, Prediction, Stage, Step, Task, Tools


@dataclass(frozen=True, slots=True)
class Upper:
    """Write the answer in capitals.

    Source: none, it shows how a step is made.

    Options:
        which: ``all`` or the ``first`` letter only.
        times: how often.
        share: nothing.
        mark: put before the answer, or none.
        on: whether to do anything.
    """

    stage: ClassVar[Stage] = Stage.REFINE

    which: Literal["all", "first"] = "all"
    times: int = 1
    share: float = 0.5
    mark: str | None = None
    on: bool = True

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError("times must be 1 or more")

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``inner`` once."""

        def generate(task: Task) -> Prediction:
            drafted = inner(task)
            sql = drafted.sql.upper() if self.which == "all" else drafted.sql.capitalize()
            trace = (*drafted.trace, {"step": "upper"})
            return replace(drafted, sql=(self.mark or "") + sql if self.on else drafted.sql, trace=trace)

        return generate


_is_a_step: type[Step] = Upper
