from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest

from spider_opt.retrieval.embed import HashingEmbedder
from spider_opt.retrieval.levels import PENALTY, train
from spider_opt.types import HARDNESS_LEVELS, Hardness

PLANTED = {"easy": "how many", "medium": "how many for each", "hard": "which has the most", "extra": "neither nor both"}


def planted(n: int, seed: int) -> tuple[list[str], list[Hardness]]:
    """Texts that say how hard they are, in other words."""
    rng = np.random.default_rng(seed)
    levels = [HARDNESS_LEVELS[i] for i in rng.integers(4, size=n)]
    nouns = ["".join(letters) for letters in itertools.product("bdk", "aeiou", "lmn", "ao")]
    return [f"{PLANTED[level]} {rng.choice(nouns)} {rng.choice(nouns)}" for level in levels], levels


def accuracy(classify: Any, rows: Any, levels: Sequence[Hardness]) -> float:
    return float(np.mean([classify(row) == level for row, level in zip(rows, levels, strict=True)]))


def test_learns_what_is_there_to_learn() -> None:
    embed = HashingEmbedder()
    texts, levels = planted(300, 0)
    classify = train(embed(texts), levels)
    new, right = planted(200, 1)
    assert accuracy(classify, embed(new), right) > 0.9


def test_without_chance() -> None:
    texts, levels = planted(80, 0)
    rows = HashingEmbedder()(texts)
    assert (train(rows, levels).weights == train(rows, levels).weights).all()


def test_knows_the_most_frequent_where_there_is_nothing_to_learn() -> None:
    levels = cast(list[Hardness], ["easy"] * 3 + ["hard"] * 5 + ["extra"] * 2)
    classify = train(np.ones((10, 4), np.float32) / 2, levels)
    assert classify(np.ones(4, np.float32) / 2) == "hard"


@pytest.mark.parametrize("level", HARDNESS_LEVELS)
def test_one_level_alone(level: Hardness) -> None:
    rows = HashingEmbedder()(["a", "b"])
    assert train(rows, [level, level])(rows[0]) == level


def test_is_at_the_maximum_of_the_penalised_likelihood() -> None:
    texts, levels = planted(60, 3)
    rows = HashingEmbedder()(texts)
    weights = train(rows, levels).weights
    x = np.hstack([rows, np.ones((60, 1))])
    odds = np.exp(x @ weights)
    wanted = np.eye(4)[[HARDNESS_LEVELS.index(level) for level in levels]]
    gradient = x.T @ (wanted - odds / odds.sum(axis=1, keepdims=True)) - PENALTY * weights
    assert np.abs(gradient).max() < 1e-3
