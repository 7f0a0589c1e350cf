"""A model that somebody else opened, and closes."""

from __future__ import annotations

from spider_opt.models.manner import AskedInAManner, Manner
from spider_opt.types import ChatModel


class Lent(AskedInAManner):
    """Asks ``model`` as it is, and leaves it open when it is closed itself.

    One that has no ``cache_tag`` does not say what its answers depend on, beside the request.
    """

    def __init__(self, model: ChatModel) -> None:
        super().__init__(model, Manner())

    def close(self) -> None:
        """Leave the model open."""
