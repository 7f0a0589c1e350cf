"""How hard a question is, guessed from its vector by a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spider_opt.types import HARDNESS_LEVELS, Hardness

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT, PENALTY, STEPS = 1, 0.3, 200


class LevelClassifier:
    """Softmax regression: ``weights`` are (d + 1, 4), the last row for the constant."""

    def __init__(self, weights: NDArray[np.float64]) -> None:
        self.weights = weights

    def __call__(self, vector: NDArray[np.float32]) -> Hardness:
        """Return the most probable level."""
        return HARDNESS_LEVELS[int((vector @ self.weights[:-1] + self.weights[-1]).argmax())]


def train(rows: NDArray[np.float32], levels: Sequence[Hardness]) -> LevelClassifier:
    """Fit a classifier to (n, d) ``rows`` and their levels, from zero and without chance.

    Each step solves a quadratic that bounds the likelihood, so that it never overshoots and has no step size.
    Source: Böhning 1992, "Multinomial logistic regression algorithm".
    """
    import numpy as np

    x = np.hstack([rows, np.ones((len(rows), 1))]).astype(np.float64)
    wanted = np.eye(len(HARDNESS_LEVELS))[[HARDNESS_LEVELS.index(level) for level in levels]]
    solve = np.linalg.inv(x.T @ x / 2 + PENALTY * np.eye(x.shape[1]))
    weights = np.zeros((x.shape[1], len(HARDNESS_LEVELS)))
    for _ in range(STEPS):
        scores = x @ weights
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights += solve @ (x.T @ (wanted - odds / odds.sum(axis=1, keepdims=True)) - PENALTY * weights)
    return LevelClassifier(weights)
