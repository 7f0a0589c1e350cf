"""Training questions to packs: which stand together, in which order, and their tokens."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from spider_opt.answering.drafts import Drafter, Look
from spider_opt.models.torch.base import tokens_of
from spider_opt.models.torch.shared_prefix import Pack, packed
from spider_opt.prompts.orders import shuffled
from spider_opt.prompts.schema_text import Values
from spider_opt.sql.used import used
from spider_opt.training.dataset import Item
from spider_opt.training.noise import noisy, other_values
from spider_opt.training.renaming import Renaming, renamed
from spider_opt.types import Database, Schema, Task

MORE_VALUES = 8
"""So many times the values that are shown are those that noise draws from."""
Target = Callable[[str, Schema], str]
"""Turns a query into the text that is learnt."""


class Packer:
    """Makes packs for one model: prompts as ``finetune`` asks them, in the model's own chat template.

    ``tokenizer`` is the base model's, of transformers. ``n`` is how many questions share a schema at most. Where a
    schema has more than ``max_tokens`` tokens, tables that none of the pack's queries uses are left out. The share
    ``rename`` of the packs that are drawn has other names for tables and columns, the share ``noise`` lacks some tables
    that none of its queries uses, shows some of the schemas ``others``, and values of other rows.

    Raises:
        ValueError: ``look`` is no plain chat, or shows sample rows, whose cells do not follow their columns when these
            are shuffled.
    """

    def __init__(
        self,
        tokenizer: Any,
        databases: Mapping[str, Database],
        *,
        look: Look,
        target: Target,
        n: int = 16,
        max_tokens: int = 1024,
        rename: float = 0.0,
        noise: float = 0.0,
        others: Sequence[Schema] = (),
    ) -> None:
        if look.form != "chat" or look.rows:
            raise ValueError("only prompts in the form of a chat and without sample rows can be learnt")
        self._tokenizer = tokenizer
        self._drafter, self._rename = Drafter(look, databases), rename
        self._target = target
        self._n = n
        self._max_tokens = max_tokens
        self._noise, self._others = noise, others
        more = replace(look, values=look.values * MORE_VALUES) if noise else look
        self._more = Drafter(more, databases)

    @property
    def settings(self) -> str:
        """All that packs depend on, but for the items, the tokenizer and what stands in the databases."""
        look, target = self._drafter.look, getattr(self._target, "__qualname__", "")
        noise = f" {self._noise}" if self._noise else ""  # what was begun before there was any goes on
        return f"{look} {target} {self._n} {self._max_tokens} {self._rename}{noise}"

    def order(self, items: Sequence[Item], rng: random.Random) -> list[list[Item]]:
        """Return the items in groups of one schema, all in an order drawn by ``rng``."""
        by_schema: dict[object, list[Item]] = defaultdict(list)
        for item in items:
            by_schema[item.question.db_id, item.context.tables].append(item)
        groups = []
        for _, own in sorted(by_schema.items(), key=lambda pair: repr(pair[0])):
            rng.shuffle(own)
            # Groups of nearly the same size: none is left with a few questions and a whole schema.
            n_groups = -(-len(own) // self._n)
            groups += [own[i::n_groups] for i in range(n_groups)]
        rng.shuffle(groups)
        return groups

    def pack(self, items: Sequence[Item], rng: random.Random | None = None) -> Pack:
        """Return one group's pack; with ``rng`` the schema's order, and its names, are drawn by it."""
        schema = items[0].question.schema
        names, values = None, None
        if rng is not None:
            schema = shuffled(schema, rng)
            if self._noise and rng.random() < self._noise:
                own = schema
                schema, other = noisy(own, needed(items), self._others, rng)
                values = self._other_values(own, other, rng)
            names = renamed(schema, rng) if self._rename and rng.random() < self._rename else None
        pack = self._packed(items, schema, names, values)
        while len(pack.shared) > self._max_tokens:
            fewer = without_a_table(schema, items, rng or random.Random(0), len(pack.shared) / self._max_tokens)
            if fewer is None:
                break
            schema = fewer
            pack = self._packed(items, schema, names, values)
        return pack

    def _other_values(self, own: Schema, other: Schema, rng: random.Random) -> Values | None:
        """Return values of both schemas' columns, from other rows each time; the first's where both have one."""
        if not self._drafter.look.values:
            return None
        found = [self._more.sampled(schema)[1] or {} for schema in (other, own)]
        return other_values({**found[0], **found[1]}, self._drafter.look.values, rng)

    def _packed(
        self, items: Sequence[Item], schema: Schema, names: Renaming | None, values: Values | None = None
    ) -> Pack:
        drafter = self._drafter
        if names is not None or values is not None:
            rows, usual = drafter.sampled(items[0].question.schema)
            values = usual if values is None else values
            if names is not None:
                schema, values = names.schema(schema), values and names.values(values)
            drafter = Drafter(drafter.look, {}, {schema.db_id: (rows, values)})
        prompts, answers = [], []
        for item in items:
            question = replace(item.question, schema=schema)
            context = item.context if names is None else names.context(item.context)
            prompts.append(tokens_of(self._tokenizer, drafter.messages(Task(question, None, context))))  # type: ignore[arg-type]
            sql = self._target(item.sql, item.question.schema)
            answer = self._tokenizer(sql if names is None else names.query(sql), add_special_tokens=False)
            answers.append([*answer["input_ids"], self._tokenizer.eos_token_id])
        return packed(prompts, answers)


def needed(items: Sequence[Item]) -> set[str] | None:
    """Return the tables, in lower case, that items' queries or values name; None where a query may use any of them."""
    found: set[str] = set()
    for item in items:
        names = used(item.sql, item.question.schema)
        if names is None:
            return None
        found |= {table.lower() for table in names.tables}
    return found | {value[0].lower() for item in items for value in item.context.values}


def without_a_table(schema: Schema, items: Sequence[Item], rng: random.Random, times_too_long: float) -> Schema | None:
    """Return a schema without some tables that no item's query or value names, or None where none can go."""
    stay = needed(items)
    spare = [table.name for table in schema.tables if stay is not None and table.name.lower() not in stay]
    if not spare:
        return None
    n = max(1, min(len(spare), round(len(schema.tables) * (1 - 1 / times_too_long))))
    gone = set(rng.sample(spare, n))
    return replace(
        schema,
        tables=tuple(table for table in schema.tables if table.name not in gone),
        foreign_keys=tuple(k for k in schema.foreign_keys if not {k.table, k.ref_table} & gone),
    )
