"""What to show the model: training examples, and parts of the schema."""

from spider_opt.retrieval.embed import DEFAULT_EMBEDDER, Embedder, open_embedder
from spider_opt.retrieval.library import TrainingLibrary
from spider_opt.retrieval.open import LazyLibrary, open_library

__all__ = ["DEFAULT_EMBEDDER", "Embedder", "LazyLibrary", "TrainingLibrary", "open_embedder", "open_library"]
