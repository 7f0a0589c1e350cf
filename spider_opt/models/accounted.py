"""A model whose requests are counted before they are sent, each try of an endpoint's by itself."""

from __future__ import annotations

from spider_opt.errors import BudgetSpent, ModelError, NoAnswer
from spider_opt.models.budget import Account, most_of
from spider_opt.models.computing import innermost
from spider_opt.models.manner import AskedInAManner, Manner
from spider_opt.models.openai.chat import OpenAIModel
from spider_opt.types import ChatModel, Completion, Request, Usage


class Accounted(AskedInAManner):
    """Asks a model as it is, and has the ``account`` count what that takes.

    An endpoint's client counts each request itself, those that it sends again too. Of other models a call is a request:
    what they send again by themselves is not seen.
    """

    def __init__(self, model: ChatModel, account: Account) -> None:
        super().__init__(model, Manner())
        self._account = account
        inner = innermost(model)
        self._counts_itself = isinstance(inner, OpenAIModel)
        if isinstance(inner, OpenAIModel):
            inner.count_with(account)

    def complete(self, request: Request) -> list[Completion]:
        """Return the model's samples.

        Raises:
            BudgetSpent: they might cost more than what is left.
            ModelError: the model gave no answer.
        """
        if self._counts_itself:
            return super().complete(request)
        with self._account.request(*most_of(request)) as hold:
            try:
                done = super().complete(request)
            except BudgetSpent:
                hold.unbilled()
                raise
            except ModelError as error:
                if error.why is NoAnswer.TOO_LONG:
                    hold.unbilled()
                raise
            hold.told(sum((completion.usage for completion in done), Usage()))
            return done
