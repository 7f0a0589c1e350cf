"""Asks a model for a query in one call: the schema, what retrieval brought, the question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock

from spider_opt.databases.samples import sample_rows, sample_values
from spider_opt.prompts import schema_text, texts
from spider_opt.sql.extract import continued, extract_sql
from spider_opt.sql.names import quoted
from spider_opt.types import Candidate, Context, Database, Demo, Message, Prediction, Request, Schema, Task, Usage

# The longest gold of Spider has some 200 tokens; a small model that goes on longer goes round in circles.
MAX_TOKENS = 300

MOST_CHARACTERS = 12_000
"""Of a schema, up to which it says what its columns hold: at most some 5,000 tokens, where the embedded model has room
for 8,192."""
ABOUT = (200, 100, 50, 25)
"""How many characters are shown of what a column is said to hold: the first of these with which there is room."""
Samples = tuple[schema_text.Rows | None, schema_text.Values | None]
"""The sample rows and the sample values of a database, None where none are shown."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a prompt looks.

    Options:
        schema: ``ddl`` (CREATE TABLE) or ``compact`` (one line a table).
        keys: show primary and foreign keys.
        rows: sample rows shown under each table.
        values: sample values shown beside each column.
        form: ``chat``, ``prefill`` (chat whose answer is begun with a code fence) or ``completion``.
        rules: add rules against the usual mistakes.
    """

    schema: schema_text.SchemaForm = "ddl"
    keys: bool = True
    rows: int = 0
    values: int = 3
    form: texts.PromptForm = "chat"
    rules: bool = False

    def __post_init__(self) -> None:
        if self.rows < 0 or self.values < 0:
            raise ValueError("rows and values cannot be less than 0")


class Drafter:
    """Writes prompts in one look for the questions of some databases, and asks for their SQL.

    ``samples``, by the databases' ids, are shown in place of what stands in these. ``meant`` returns what a query of
    this model means in full, where it was taught to leave something out.
    """

    def __init__(
        self,
        look: Look,
        databases: Mapping[str, Database],
        samples: Mapping[str, Samples] | None = None,
        *,
        meant: Callable[[str, Schema], str] | None = None,
    ) -> None:
        self.look = look
        self._databases = databases
        self._whole: dict[str, tuple[Schema, str]] = {}
        self._samples = dict(samples or {})
        self._sampled: dict[str, Schema] = {}
        self._sampling = Lock()
        self._meant = meant

    def __call__(self, task: Task, name: str) -> Prediction:
        """Ask ``task.model`` once; ``name`` is the step's, for the trace.

        Raises:
            ModelError: the model did not answer.
        """
        look, begun = self.look, task.grammar is None
        stop = ("```",) if look.form == "prefill" and begun else texts.NEXT if look.form == "completion" else ()
        [completion] = task.model.complete(
            Request(
                self.messages(task),
                temperature=task.temperature,
                seed=task.seed,
                stop=stop,
                grammar=task.grammar,
                max_tokens=MAX_TOKENS,
            )
        )
        trace = {"step": name, "finish": completion.finish_reason}
        return Prediction(
            self.read(completion.text, task),
            completion.usage,
            (trace,),
            task.context,
            completion.logprob,
            completion.text,
        )

    def read(self, text: str, task: Task) -> str:
        """Return the query of an answer to ``messages(task)``."""
        sql = extract_sql(continued(text) if self.look.form == "completion" and task.grammar is None else text)
        return sql if self._meant is None else self._meant(sql, task.question.schema)

    def messages(self, task: Task, instruction: str = texts.INSTRUCTION) -> tuple[Message, ...] | str:
        """Return what the model is asked: all of the task's context and feedback is in it."""
        context, db_id = task.context, task.question.db_id.lower()
        demos = context.demos[::-1]  # the nearest stands last, next to the question
        return texts.ask_for_sql(
            self.look.form,
            self.shown(task.question.schema, context),
            task.question.text,
            notes=task.question.notes,
            instruction=instruction,
            rules=self.look.rules,
            demos=[self._shown_demo(demo) for demo in demos if demo.question.db_id.lower() != db_id],
            here=[(d.question.notes, d.question.text, d.sql) for d in demos if d.question.db_id.lower() == db_id],
            values=value_lines(context),
            feedback=task.feedback,
            begun=task.grammar is None,
        )

    def shown(self, schema: Schema, context: Context) -> str:
        """Return a schema as text, whole or pruned to the context's tables."""
        if context.tables:
            rows, values = self.sampled(schema)
            few = schema_text.pruned(schema, context.tables)
            return self._with_room(few, rows and schema_text.pruned_rows(rows, schema, few), values)
        known = self._whole.get(schema.db_id)
        if known is None or known[0] is not schema:  # training shows one database's tables in many orders
            known = self._whole[schema.db_id] = (schema, self._with_room(schema, *self.sampled(schema)))
        return known[1]

    def sampled(self, schema: Schema) -> Samples:
        """Return the sample rows and values that are shown with a schema, cells in the order of its columns."""
        with self._sampling:
            if schema.db_id not in self._samples:
                self._sampled[schema.db_id] = schema
                database = self._databases[schema.db_id] if self.look.rows or self.look.values else None
                self._samples[schema.db_id] = (
                    sample_rows(schema, database, self.look.rows) if database and self.look.rows else None,
                    sample_values(schema, database, self.look.values) if database and self.look.values else None,
                )
            rows, values = self._samples[schema.db_id]
            first = self._sampled.get(schema.db_id, schema)
            return (rows if not rows or first is schema else schema_text.pruned_rows(rows, first, schema)), values

    def _shown_demo(self, demo: Demo) -> tuple[str, str, str, str]:
        schema = self._serialise(demo.question.schema, None, None) if demo.own_schema else ""
        return schema, demo.question.notes, demo.question.text, demo.sql

    def _with_room(self, schema: Schema, rows: schema_text.Rows | None, values: schema_text.Values | None) -> str:
        """Return a schema with as much of what its columns hold as there is room for."""
        if any(column.about for table in schema.tables for column in table.columns):
            for about in ABOUT:
                if len(text := self._serialise(schema, rows, values, about)) <= MOST_CHARACTERS:
                    return text
        return self._serialise(schema, rows, values)

    def _serialise(
        self, schema: Schema, rows: schema_text.Rows | None, values: schema_text.Values | None, about: int = 0
    ) -> str:
        return schema_text.serialise(
            schema, self.look.schema, keys=self.look.keys, rows=rows, values=values, about=about
        )


def drafted(
    task: Task, drafter: Drafter, name: str, *, n: int = 1, temperature: float = 0.0
) -> tuple[list[str], tuple[Candidate, ...], Usage]:
    """Return ``n`` queries of the direct prompt, without context and feedback, the same as ``name``'s, and their cost.

    One draft is the task's own where it has one, and is else asked for at the task's temperature.

    Raises:
        ModelError: the model did not answer.
    """
    if n == 1 and task.draft is not None:
        return [task.draft], (), Usage()
    completions = task.model.complete(
        Request(
            drafter.messages(replace(task, context=Context(), feedback=())),
            n=n,
            temperature=task.temperature if n == 1 else temperature,
            seed=task.seed,
            grammar=task.grammar,
            max_tokens=MAX_TOKENS,
        )
    )
    queries = [drafter.read(c.text, task) for c in completions]
    count = Counter(
        Candidate(name, sql, c.text, "not_run", logprob=c.logprob) for sql, c in zip(queries, completions, strict=True)
    )
    candidates = tuple(replace(candidate, n=times) for candidate, times in count.items())
    return queries, candidates, sum((c.usage for c in completions), Usage())


def value_lines(context: Context) -> Sequence[str]:
    """Return the values of a context as lines of a prompt.

    >>> value_lines(Context(values=(("singer", "country", "France"),)))
    ["singer.country = 'France'"]
    """
    return [f"{quoted(t)}.{quoted(c)} = {schema_text.literal(value)}" for t, c, value in context.values]
