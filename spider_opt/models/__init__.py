"""Words out: every model speaks ``ChatModel``, wherever it runs."""

from spider_opt.models.cache import CachedModel
from spider_opt.models.catalog import CATALOG, DEFAULT_MODEL
from spider_opt.models.llamacpp.embedded import EmbeddedModel
from spider_opt.models.openai.chat import OpenAIModel
from spider_opt.models.opening import Engine, open
from spider_opt.models.replay import Recorder, ReplayModel

__all__ = [
    "CATALOG",
    "DEFAULT_MODEL",
    "CachedModel",
    "EmbeddedModel",
    "Engine",
    "OpenAIModel",
    "Recorder",
    "ReplayModel",
    "open",
]
