"""Fine-tuned: ask a model that was tuned on questions and their queries, in the form it was tuned in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from spider_opt.models.adapters import find_adapter
from spider_opt.prompts.drafts import Drafter, Look
from spider_opt.sql.extract import extract_sql
from spider_opt.sql.from_first import from_from_first
from spider_opt.sql.from_first_grammar import from_first_grammar
from spider_opt.types import Generator, Prediction, Stage, Task, Tools


@dataclass(frozen=True, slots=True)
class FineTuned:
    """Ask a tuned model; the adapter's card says how the prompt looks, and in which form the answer comes.

    The embedded model is opened with the adapter. Behind an endpoint (``--base-url``) the model that is asked is the
    tuned one, and only the form is the adapter's.

    Source: OpenAI, "A Survey of Techniques for Maximizing LLM Performance" (DevDay 2023): fine-tuning on simple
    examples; LoRA (Hu et al. 2021, arXiv:2106.09685).

    Options:
        adapter: its name or folder; see: spider-opt models list.
    """

    stage: ClassVar[Stage] = Stage.DRAFT

    adapter: str = "spider"

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``task.model`` once."""
        card = find_adapter(self.adapter).card
        from_first = card.get("target") == "from-first"
        drafter = Drafter(Look(**card.get("look", {})), tools.databases)
        grammars: dict[str, str] = {}

        def generate(task: Task) -> Prediction:
            if not from_first:
                return drafter(task, "finetune")
            schema = task.question.schema
            if task.grammar is not None:  # the grammar of the task is that of SQL as others write it
                if schema.db_id not in grammars:
                    grammars[schema.db_id] = from_first_grammar(schema)
                task = replace(task, grammar=grammars[schema.db_id])
            return drafter(task, "finetune", _read)

        return generate


def _read(text: str) -> str:
    """Return the query of an answer: one in the form that was learnt, or else whatever query is in it."""
    if text.lstrip()[:4].upper() == "FROM":
        return from_from_first(text.strip())
    return extract_sql(text)
