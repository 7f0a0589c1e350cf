"""Grammar-constrained decoding: a name that is not in the schema cannot be written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from spider_opt.sql.grammar import Names, select_grammar
from spider_opt.types import Generator, Prediction, Stage, Task, Tools


@dataclass(frozen=True, slots=True)
class Grammar:
    """Have the model follow a grammar of SQLite queries over the question's schema (GBNF; llama.cpp, --engine torch).

    A query of one table can only have columns of that table. In a join a column may still be taken from the
    wrong table. A pruned schema does not narrow the grammar: a name that is not shown is no worse for being
    guessed right, and a database has one grammar.

    Source: Scholak et al. 2021 (PICARD) for the idea; llama.cpp, grammars/README.md for the form.

    Options:
        names: ``bare`` (joins may have aliases T1 to T9 and bare columns) or ``pairs`` (in joins every column
            stands under its table's own name, so a pair of table and column that the schema lacks cannot be
            written, nor a self-join).
    """

    stage: ClassVar[Stage] = Stage.MODEL

    names: Names = "bare"

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that sets ``task.grammar``."""
        grammars: dict[str, str] = {}

        def generate(task: Task) -> Prediction:
            schema = task.question.schema
            if schema.db_id not in grammars:
                grammars[schema.db_id] = select_grammar(schema, self.names)
            prediction = inner(replace(task, grammar=grammars[schema.db_id]))
            trace = {"step": "grammar", "names": self.names}
            return replace(prediction, trace=(*prediction.trace, trace))

        return generate
