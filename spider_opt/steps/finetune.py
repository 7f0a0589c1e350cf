"""Fine-tuned: ask a model that was tuned on questions and their queries, in the form it was tuned in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, get_args

from spider_opt.answering.drafts import Drafter, Look
from spider_opt.errors import WeightsError
from spider_opt.models.adapters import Adapter, find_adapter
from spider_opt.models.catalog import AUTO
from spider_opt.models.fitting import own_adapter
from spider_opt.prompts import schema_text
from spider_opt.sql.from_first_grammar import from_first_grammar
from spider_opt.sql.implied_joins import with_implied
from spider_opt.types import Generator, Prediction, Schema, Stage, Task, Tools

AnswerForm = Literal["plain", "skeleton-first", "from-first", "implied-joins"]
"""How a tuned model answers: in SQL as it is, behind a comment with its skeleton, FROM first without aliases, or so
without the conditions of joins that keys determine, too."""
MEANT: Mapping[AnswerForm, Callable[[str, Schema], str]] = {"implied-joins": with_implied}
"""What puts back what an answer of a form leaves out."""


@dataclass(frozen=True, slots=True)
class FineTuned:
    """Ask a tuned model; the adapter's card says how the prompt looks, and in which form the answer comes.

    The embedded model is opened with the adapter. Behind an endpoint (``--base-url``) the model that is asked is the
    tuned one, and only the form is the adapter's. With ``grammar`` it follows the grammar of its own form.

    Source: OpenAI, "A Survey of Techniques for Maximizing LLM Performance" (DevDay 2023): fine-tuning on simple
    examples; LoRA (Hu et al. 2021, arXiv:2106.09685).

    Options:
        adapter: its name (see: spider-opt models list), or the path of its folder (./mine); auto is the one that comes
            with the package for the model.
    """

    stage: ClassVar[Stage] = Stage.DRAFT

    adapter: str = AUTO

    def __post_init__(self) -> None:
        if not self.adapter:
            raise ValueError("adapter must be a name or a folder")

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``task.model`` once."""
        look, form = form_of(find_adapter(own_adapter() if self.adapter == AUTO else self.adapter))
        drafter = Drafter(look, tools.databases, meant=MEANT.get(form))
        grammars: dict[Schema, str] = {}

        def generate(task: Task) -> Prediction:
            if form in ("from-first", "implied-joins") and task.grammar is not None:  # it is of SQL as others write it
                schema = task.question.schema
                if schema not in grammars:
                    grammars[schema] = from_first_grammar(schema, implied=form == "implied-joins")
                task = replace(task, grammar=grammars[schema])
            return drafter(task, "finetune")

        return generate


def form_of(adapter: Adapter) -> tuple[Look, AnswerForm]:
    """Return how a tuned model is asked, and how it answers.

    Raises:
        WeightsError: this version does not know the form.
    """
    card = adapter.card
    try:
        look = Look(**card["look"])
        known = look.form == "chat" and look.schema in get_args(schema_text.SchemaForm)
    except (TypeError, ValueError, KeyError):
        known = False
    form: AnswerForm | None = next((form for form in get_args(AnswerForm) if form == card.get("target")), None)
    if not known or form is None:
        said = {key: card.get(key) for key in ("look", "target", "version")}
        raise WeightsError(f"The adapter {adapter.name!r} was tuned in a form that this version does not know: {said}")
    return look, form
