"""Which of many vectors are nearest to one: by looking at all, or along the edges of a graph kept on disk."""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_opt.paths import file_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 1
M, EF_BUILD, EF, SEED = 16, 200, 256, 100
"""Edges of a node, candidates looked at while building and while searching, and the seed of the levels."""
EXACT_UP_TO = 1000
"""Rows up to which looking at all is faster than any graph."""
DIGITS = 6
"""Scores that agree so far are equal; the digits behind depend on the machine."""
_LOG = logging.getLogger("spider_opt")


class VectorIndex:
    """Unit rows, searched by inner product.

    ``near`` goes through hnswlib's graph, which lies in ``folder`` under ``key`` (a hash of all that the rows depend
    on; the parameters and the file's own hash are added here). It looks at all rows instead where there are few of
    them, more are wanted than the graph was tuned for, or hnswlib is not installed. One thread builds the graph from
    a fixed seed, and what it finds is sorted by exact scores, so that the same rows give the same answers.

    Source: hierarchical navigable small world graphs (Malkov and Yashunin 2016, arXiv:1603.09320).
    """

    def __init__(self, rows: NDArray[np.float32], key: str, folder: Path) -> None:
        self.rows = rows
        made_of = f"{FORMAT} {key} {rows.shape} {M} {EF_BUILD} {SEED}"
        self._key = hashlib.sha256(made_of.encode()).hexdigest()[:32]
        self._folder = folder

    def exact(self, query: NDArray[np.float32], k: int) -> NDArray[np.intp]:
        """Return the numbers of the ``k`` nearest rows, nearest first; of equal ones the lower number."""
        import numpy as np

        return self._best(np.arange(len(self.rows)), query, k)

    def near(self, query: NDArray[np.float32], k: int) -> NDArray[np.intp]:
        """Return what ``exact`` does, but for some that the graph may miss (fewer than 1 in 100)."""
        import numpy as np

        k = min(k, len(self.rows))
        graph = self.graph if len(self.rows) > EXACT_UP_TO and 0 < k <= EF else None
        if graph is None:
            return self.exact(query, k)
        found = graph.knn_query(query, k=k, num_threads=1)[0][0]
        return self._best(np.sort(found.astype(np.intp)), query, k)

    def _best(self, numbers: NDArray[np.intp], query: NDArray[np.float32], k: int) -> NDArray[np.intp]:
        import numpy as np

        scores = np.round(self.rows[numbers] @ query, DIGITS)
        return numbers[np.argsort(-scores, kind="stable")[:k]]

    @cached_property
    def graph(self) -> Any:
        """The index of hnswlib, from disk or built now; None where hnswlib is not installed."""
        try:
            library = importlib.import_module("hnswlib")
        except ImportError:
            return None

        def load(path: Path) -> Any:
            index = library.Index(space="ip", dim=self.rows.shape[1])
            index.load_index(str(path), max_elements=len(self.rows))
            return index

        graph = load_whole(self._folder, self._key, ".hnsw", load)
        if graph is None:
            graph = library.Index(space="ip", dim=self.rows.shape[1])
            graph.init_index(max_elements=len(self.rows), M=M, ef_construction=EF_BUILD, random_seed=SEED)
            graph.add_items(self.rows, num_threads=1)
            keep_whole(self._folder, self._key, ".hnsw", lambda path: graph.save_index(str(path)))
        graph.set_ef(EF)
        return graph


def keep_whole(folder: Path, key: str, suffix: str, write: Callable[[Path], object]) -> None:
    """Keep what ``write`` writes to the path it is given, under ``key`` and its own hash; no disk, no harm."""
    part = folder / f".{key}-{os.getpid()}-{threading.get_ident()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write(part)
        part.replace(folder / f"{key}-{file_hash(part)[:16]}{suffix}")
    except (OSError, RuntimeError) as error:
        _LOG.warning("Cannot keep an index in %s (%s); it will be built again.", folder, error)
        with suppress(OSError):
            part.unlink(missing_ok=True)


def load_whole(folder: Path, key: str, suffix: str, load: Callable[[Path], Any]) -> Any:
    """Return what ``load`` makes of the file kept under ``key``; None where there is none or its bytes are wrong."""
    for path in sorted(folder.glob(f"{key}-*{suffix}")):
        try:
            # A graph with one wrong byte can bring the process down, so the bytes are looked at before.
            if path.name == f"{key}-{file_hash(path)[:16]}{suffix}":
                return load(path)
        except (OSError, RuntimeError, ValueError) as error:
            _LOG.warning("%s cannot be read (%s); it is built again.", path, error)
            continue
        _LOG.warning("%s is broken; it is built again.", path)
        with suppress(OSError):
            path.unlink()
    return None
