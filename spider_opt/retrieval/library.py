"""Training examples to show: the nearest to a text, some at random, and how hard their like is."""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from spider_opt.benchmarks.leaks import check_leaks
from spider_opt.benchmarks.questions import normal_text
from spider_opt.benchmarks.validation import is_query_split
from spider_opt.errors import UsageError
from spider_opt.linking.masking import masked
from spider_opt.retrieval.annotations import Annotations
from spider_opt.retrieval.embed import Embedder
from spider_opt.retrieval.index import DIGITS, VectorIndex, keep_whole, load_whole
from spider_opt.retrieval.levels import FORMAT, PENALTY, STEPS, LevelClassifier, train
from spider_opt.retrieval.text_cache import retrieval_dir
from spider_opt.sql.spacing import tidy
from spider_opt.types import Demo, Example, Hardness, Likeness, Question

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Space:
    """The examples in one likeness. Texts that several of them have stand in the index once.

    ``row_of`` is the row of each example; ``of_row`` are the examples of each row.
    """

    index: VectorIndex
    row_of: NDArray[np.intp]
    of_row: Sequence[Sequence[int]]


class ExampleLibrary:
    """``types.Library`` over examples, whichever may be shown for a question (see the two kinds of it).

    Vectors, indexes and the classifier are made when they are first needed, and kept on disk. What comes back has
    each query (in its normal form) once: a second phrasing of it would cost tokens and teach little. Examples that
    are equally near to a skeleton are ordered by their masked questions. Threads may share it.

    Without a level the index names candidates, and only where too few of them may be shown all examples are looked
    at; within a level always all of it are (for 8,659 examples a few milliseconds).
    """

    def __init__(
        self, examples: Sequence[Example], embedder: Embedder, annotations: Annotations, folder: Path | None = None
    ) -> None:
        self.examples = tuple(examples)
        self.embedder = embedder
        self._annotations = annotations
        self._folder = folder or retrieval_dir()
        self._lock = threading.RLock()
        self._spaces: dict[Likeness, Space] = {}

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the examples and of who embeds them."""
        items = [(e.question.db_id, e.question.text, e.gold_sql) for e in self.examples]
        return hashlib.sha256(json.dumps([self.embedder.name, items]).encode()).hexdigest()[:16]

    def nearest(
        self, likeness: Likeness, texts: Sequence[str], k: int, *, question: Question, level: Hardness | None = None
    ) -> list[Demo]:
        """Return the ``k`` examples nearest to the mean of the texts' vectors, nearest first; fewer if there are not.

        Raises:
            ValueError: there is no text.
        """
        if not texts:
            raise ValueError("nothing to look for")
        if k < 1:
            return []
        with self._lock:
            space, query = self.space(likeness), self.embedder(texts).mean(axis=0)
            among: Sequence[int] = range(len(self.examples))
            if level is not None:
                among = [i for i in among if self._levels[i] == level]
            else:
                near = [i for row in space.index.near(query, 16 * k + 32) for i in space.of_row[row]]
                demos = self._first(self._ranked(near, likeness, query, question), k, question)
                if len(demos) == k:
                    return demos
            return self._first(self._ranked(among, likeness, query, question), k, question)

    def drawn(self, k: int, *, question: Question, seed: int, level: Hardness | None = None) -> list[Demo]:
        """Return ``k`` examples at random, the same ones for the same question and seed."""
        with self._lock:
            among = [i for i in range(len(self.examples)) if level is None or self._levels[i] == level]
            random.Random(f"{seed} {question.id}").shuffle(among)
            return self._first(among, k, question)

    def level(self, question: Question) -> Hardness:
        """Predict a question's hardness from the question as it is and masked."""
        with self._lock:
            return self._classifier(self._features([question.text], [masked(question)])[0])

    def space(self, likeness: Likeness) -> Space:
        """Return the examples in one likeness."""
        with self._lock:
            if likeness not in self._spaces:
                self._spaces[likeness] = self._made(self._texts(likeness))
            return self._spaces[likeness]

    def _ranked(
        self, among: Iterable[int], likeness: Likeness, query: NDArray[np.float32], question: Question
    ) -> list[int]:
        """Return positions by score; of equal ones the earlier example stands first."""
        import numpy as np

        positions = np.array(sorted(among), dtype=np.intp)
        scores = [_scores(self.space(likeness), positions, query)]
        if likeness == "skeleton":
            scores.insert(0, _scores(self.space("masked"), positions, self.embedder([masked(question)])[0]))
        ranked: list[int] = positions[np.lexsort([-score for score in scores])].tolist()
        return ranked

    def _first(self, ranked: Iterable[int], k: int, question: Question) -> list[Demo]:
        """Return the first ``k`` that may be shown, no query twice."""
        demos: list[Demo] = []
        seen: set[str] = set()
        for i in ranked:
            if len(demos) >= k:
                break
            example = self.examples[i]
            query = self._normals[example.gold_sql]
            if query not in seen and self._may_show(example, question):
                seen.add(query)
                demos.append(Demo(example.question, tidy(example.gold_sql)))
        return demos

    def _may_show(self, example: Example, question: Question) -> bool:
        return True

    @cached_property
    def _normals(self) -> dict[str, str]:
        return self._annotations.normals(example.gold_sql for example in self.examples)

    @cached_property
    def _levels(self) -> list[Hardness | None]:
        known = self._annotations.levels(example.gold_sql for example in self.examples)
        return [known[example.gold_sql] for example in self.examples]

    @cached_property
    def _masked(self) -> list[str]:
        return self._annotations.masked([example.question for example in self.examples])

    def _texts(self, likeness: Likeness) -> Sequence[str]:
        if likeness == "question":
            return [example.question.text for example in self.examples]
        if likeness == "masked":
            return self._masked
        skeletons = self._annotations.skeletons(example.gold_sql for example in self.examples)
        return [skeletons[example.gold_sql] for example in self.examples]

    def _made(self, texts: Sequence[str]) -> Space:
        import numpy as np

        distinct = list(dict.fromkeys(texts))
        row = {text: number for number, text in enumerate(distinct)}
        of_row: list[list[int]] = [[] for _ in distinct]
        for i, text in enumerate(texts):
            of_row[row[text]].append(i)
        key = hashlib.sha256(json.dumps([self.embedder.name, distinct]).encode()).hexdigest()
        index = VectorIndex(self.embedder(distinct), key, self._folder)
        return Space(index, np.array([row[text] for text in texts], dtype=np.intp), of_row)

    @cached_property
    def _classifier(self) -> LevelClassifier:
        import numpy as np

        levels = self._levels
        made_of = json.dumps([FORMAT, self.fingerprint, self._masked, levels, PENALTY, STEPS])
        key = hashlib.sha256(made_of.encode()).hexdigest()[:32]
        kept = load_whole(self._folder, key, ".npy", lambda path: np.load(path, allow_pickle=False))
        if kept is not None:
            return LevelClassifier(kept)
        every = zip((example.question.text for example in self.examples), self._masked, levels, strict=True)
        known = [(text, mask, level) for text, mask, level in every if level]
        if not known:
            raise UsageError("the difficulty of no example can be told: none of their queries can be parsed")
        texts, masks, wanted = zip(*known, strict=True)
        trained = train(self._features(texts, masks), wanted)

        def write(path: Path) -> None:
            with path.open("wb") as file:
                np.save(file, trained.weights, allow_pickle=False)

        keep_whole(self._folder, key, ".npy", write)
        return trained

    def _features(self, texts: Sequence[str], masks: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        return np.hstack([self.embedder(texts), self.embedder(masks)])


class TrainingLibrary(ExampleLibrary):
    """A benchmark's training examples, of which none may be near the questions ``asked``.

    Raises:
        LeakError: an example is too near to a question that is asked.
        UsageError: there is no example.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        asked: Sequence[Example],
        embedder: Embedder,
        annotations: Annotations,
        folder: Path | None = None,
    ) -> None:
        check_leaks(examples, asked, annotations.normals)
        if not examples:
            raise UsageError("no training example is left to retrieve from")
        super().__init__(examples, embedder, annotations, folder)

    def _may_show(self, example: Example, question: Question) -> bool:
        # check_leaks has refused both already; this holds also for a question that was not announced.
        other_database = example.question.db_id.lower() != question.db_id.lower() or is_query_split(question.id)
        return other_database and normal_text(example.question.text) != normal_text(question.text)


class OwnExamples(ExampleLibrary):
    """A user's own examples, who asks about the databases they are of: every one may be shown.

    Nothing is measured with them. In a benchmark they would be leaks, and ``TrainingLibrary`` is what it takes.
    """


def _scores(space: Space, positions: NDArray[np.intp], query: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    return np.round(space.index.rows[space.row_of[positions]] @ query, DIGITS)
