"""Texts to vectors, by an embedder's name."""

from __future__ import annotations

import importlib
import math
import threading
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from spider_opt.errors import UsageError
from spider_opt.models.catalog import CATALOG
from spider_opt.models.fetching import fetched
from spider_opt.progress import Progress, silent
from spider_opt.retrieval.text_cache import TextCache, open_text_cache

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEFAULT_EMBEDDER = "all-minilm-l6-v2"
_DIMENSIONS = {"all-minilm-l6-v2": 384}


class Embedder(Protocol):
    """Turns texts into vectors.

    Its vectors are kept under its ``name``, which therefore says whose they are (with the hash of the weights) and
    changes when they do.
    """

    @property
    def name(self) -> str:
        """What its vectors are kept under."""

    @property
    def dimensions(self) -> int:
        """How long a vector is."""

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row a text: (n, dimensions) float32, of length 1."""


def open_embedder(name: str = DEFAULT_EMBEDDER, progress: Progress = silent) -> Embedder:
    """Return an embedder that embeds no text twice: vectors stay on disk, where all its processes find them.

    ``name`` is that of weights in the catalog, ``hashing``, or ``module:callable`` where the callable makes an
    ``Embedder``. Weights are fetched, and their library is loaded, when the first text comes whose vector is not
    kept. ``progress`` is opened with (label, portions of texts to embed).

    Raises:
        UsageError: there is no such embedder.
    """
    if name == "hashing":
        inner: Embedder = HashingEmbedder()
    elif name in _DIMENSIONS:
        inner = SentenceEmbedder(name)
    elif ":" in name:
        inner = _from_elsewhere(name)
    else:
        there = ", ".join([*_DIMENSIONS, "hashing"])
        raise UsageError(f"There is no embedder {name!r}; there are: {there}, and your own as MODULE:CALLABLE")
    return CachedEmbedder(inner, open_text_cache(progress))


class CachedEmbedder:
    """Takes from disk the vectors of texts that the inner embedder had before."""

    def __init__(self, inner: Embedder, cache: TextCache) -> None:
        self.inner = inner
        self.cache = cache

    @property
    def name(self) -> str:
        """The inner embedder's."""
        return self.inner.name

    @property
    def dimensions(self) -> int:
        """The inner embedder's."""
        return self.inner.dimensions

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row a text.

        Raises:
            UsageError: the inner embedder gave something else.
            WeightsError: its weights cannot be had.
        """
        import numpy as np

        found = self.cache.made(f"vector {self.name} {self.dimensions}", texts, self._fresh, "embedding texts")
        rows = np.frombuffer(b"".join(found[text] for text in texts), dtype="<f4").astype(np.float32)
        return cast("NDArray[np.float32]", rows.reshape(len(texts), self.dimensions))

    def _fresh(self, texts: Sequence[str]) -> Iterable[bytes]:
        import numpy as np

        rows = np.asarray(self.inner(texts), dtype="<f4")
        if rows.shape != (len(texts), self.dimensions) or not np.isfinite(rows).all():
            raise UsageError(
                f"the embedder {self.name} gave {rows.shape} numbers for {len(texts)} texts, or some that are none; "
                f"due are {self.dimensions} for each"
            )
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return [row.tobytes() for row in rows]


class SentenceEmbedder:
    """Weights of the catalog under sentence-transformers, on the processor, with no call to any server.

    Source: Reimers and Gurevych 2019, arXiv:1908.10084; all-MiniLM-L6-v2 of the sentence-transformers hub page.
    """

    def __init__(self, weights_name: str) -> None:
        self.name = f"{weights_name}@{CATALOG[weights_name].sha256[:16]}"
        self.dimensions = _DIMENSIONS[weights_name]
        self._weights = weights_name
        self._lock = threading.Lock()
        self._model: Any = None

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row a text; only its first 256 tokens count.

        Raises:
            UsageError: sentence-transformers is not installed.
            WeightsError: the weights cannot be had.
        """
        with self._lock:
            if self._model is None:
                self._model = self._load()
            rows = self._model.encode(list(texts), batch_size=64, normalize_embeddings=True, show_progress_bar=False)
        return cast("NDArray[np.float32]", rows)

    def _load(self) -> Any:
        try:
            library = importlib.import_module("sentence_transformers")
        except ImportError as error:
            raise UsageError(
                f"the embedder {self._weights} needs sentence-transformers; type: pip install 'spider-opt[retrieval]'"
            ) from error
        folder = fetched(self._weights)
        importlib.import_module("transformers.utils.logging").disable_progress_bar()
        return library.SentenceTransformer(str(folder), device="cpu", local_files_only=True)


class HashingEmbedder:
    """Words and their pieces of 3 to 5 letters, hashed into a vector: no weights, the same everywhere.

    Source: the hashing trick (Weinberger et al. 2009, arXiv:0902.2206) on the pieces of fastText
    (Bojanowski et al. 2017, arXiv:1607.04606).

    >>> rows = HashingEmbedder()(["how many singers", "how many singers are there", "oldest bridge"])
    >>> bool(rows[0] @ rows[1] > 0.7 > 0.2 > rows[0] @ rows[2])
    True
    """

    name = "hashing-1"
    dimensions = 512

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row a text."""
        import numpy as np

        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for piece, count in _pieces(text).items():
                place, sign = divmod(zlib.crc32(piece.encode("utf-8", "surrogatepass")), 2)
                row[place % self.dimensions] += (1 + math.log(count)) * (1 if sign else -1)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        rows /= np.maximum(norms, 1e-12)
        return rows


def _pieces(text: str) -> Counter[str]:
    words = [f"<{word}>" for word in text.casefold().split()] or ["<>"]
    pieces = Counter(words)
    for word in words:
        pieces.update(word[i : i + n] for n in (3, 4, 5) for i in range(len(word) - n + 1))
    return pieces


def _from_elsewhere(name: str) -> Embedder:
    module, _, attribute = name.partition(":")
    try:
        made = getattr(importlib.import_module(module), attribute)()
    except Exception as error:  # whatever somebody else's code does wrong
        raise UsageError(f"the embedder {name} cannot be made: {error!r}") from error
    if not callable(made) or not isinstance(getattr(made, "name", None), str) or not hasattr(made, "dimensions"):
        raise UsageError(f"{name} makes no embedder: it needs a name, its dimensions, and to be callable")
    return cast(Embedder, made)
