"""Packs of what a judge learns: one word for each candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spider_opt.answering.drafts import Drafter, Look
from spider_opt.answering.verifier import asked_about
from spider_opt.models.torch.base import tokens_of
from spider_opt.models.torch.shared_prefix import Pack, packed
from spider_opt.prompts.schema_text import Values
from spider_opt.prompts.verifying import NO, YES
from spider_opt.training.dataset import Item
from spider_opt.training.judged import JudgedItem
from spider_opt.training.packer import Packer
from spider_opt.training.renaming import Renaming
from spider_opt.types import Context, Database, Schema

_WORDS = {True: YES, False: NO}


class JudgePacker(Packer):
    """Makes packs of ``JudgedItem``: prompts as a ``Verifier`` asks them, and yes or no for an answer.

    Raises:
        ValueError: as ``Packer`` does, or yes or no is more than one token.
    """

    def __init__(self, tokenizer: Any, databases: Mapping[str, Database], *, look: Look, n: int = 16) -> None:
        super().__init__(tokenizer, databases, look=look, target=lambda sql, schema: sql, n=n)
        words = {right: tokenizer(word, add_special_tokens=False)["input_ids"] for right, word in _WORDS.items()}
        if any(len(tokens) != 1 for tokens in words.values()):
            raise ValueError(f"{YES} and {NO} are to be one token each")
        self._words = words

    @property
    def settings(self) -> str:
        """All that packs depend on, but for the items, the tokenizer and what stands in the databases."""
        return f"judge {super().settings}"

    def _packed(
        self, items: Sequence[Item], schema: Schema, names: Renaming | None, values: Values | None = None
    ) -> Pack:
        shown = self._drafter if values is None else Drafter(self._drafter.look, {}, {schema.db_id: (None, values)})
        text = shown.shown(schema, Context())
        judged = [item for item in items if isinstance(item, JudgedItem)]
        return packed(
            [tokens_of(self._tokenizer, asked_about(item.question, text, item.group)) for item in judged],
            [self._words[item.right] for item in judged],
        )
