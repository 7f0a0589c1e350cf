"""A model that somebody else opened, and closes."""

from __future__ import annotations

from spider_opt.types import ChatModel, Completion, ModelInfo, Request


class Lent:
    """Asks ``model``, and leaves it open when it is closed itself.

    One that has no ``cache_tag`` does not say what its answers depend on, beside the request.
    """

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self.cache_tag = str(getattr(model, "cache_tag", ""))

    @property
    def info(self) -> ModelInfo:
        """The model's."""
        return self._model.info

    def complete(self, request: Request) -> list[Completion]:
        """Ask the model.

        Raises:
            ModelError: it gave no answer.
        """
        return self._model.complete(request)
