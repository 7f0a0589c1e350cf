from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from real_spider import real_spider

from spider_opt.benchmarks import load
from spider_opt.benchmarks.leaks import held_out_questions
from spider_opt.benchmarks.subsets import draw, only
from spider_opt.benchmarks.validation import is_held_out
from spider_opt.errors import DatasetError
from spider_opt.types import Benchmark, Example, Question, Schema

ROOT = Path(__file__).resolve().parents[2]


def examples(n: int, start: int = 0) -> list[Example]:
    return [
        Example(i, Question(f"train-{i:04d}", "?", Schema(f"db{i % 3}", ())), "SELECT 1")
        for i in range(start, start + n)
    ]


def test_which_databases_are_held_out_never_changes() -> None:
    names = [f"database_{i}" for i in range(40)]
    assert [name for name in names if is_held_out(name)] == [f"database_{i}" for i in (6, 10, 18, 30)]


def test_about_the_share_is_held_out() -> None:
    held = sum(is_held_out(f"database_{i}") for i in range(4000))
    assert 0.13 < held / 4000 < 0.17


def test_spiders_own_are_held_out_by_name_alone(shared: Path) -> None:
    benchmark = real_spider("train", shared)
    db_ids = {example.question.db_id for example in benchmark.examples} | set(benchmark.missing)
    share = sum(map(is_held_out, db_ids)) / len(db_ids)
    assert 0.08 < share < 0.25


# --- drawing -----------------------------------------------------------------------------------


def clusters(rng: random.Random) -> list[tuple[str, list[Example]]]:
    """Make 300 examples in clusters of 1 to 3, in strata of different sizes."""
    left, made = examples(300), []
    while left:
        size = rng.choice((1, 2, 2, 3))
        cluster, left = left[:size], left[size:]
        made.append((rng.choice(("easy", "medium", "medium", "hard", "extra")), cluster))
    return made


@pytest.mark.parametrize("seed", range(5))
def test_a_draw_is_stratified_and_keeps_clusters_whole(seed: int) -> None:
    made = clusters(random.Random(seed))
    drawn = draw(made, 100, seed)
    indices = {example.index for example in drawn}
    assert len(indices) == len(drawn)
    assert 100 <= len(drawn) <= 100 + 2 * 4 + 2
    assert [example.index for example in drawn] == sorted(indices)
    for _, cluster in made:
        assert {example.index for example in cluster} <= indices or not {e.index for e in cluster} & indices
    for stratum in ("easy", "medium", "hard", "extra"):
        own = [e.index for name, cluster in made if name == stratum for e in cluster]
        assert len(own) / 3 - 1 <= len(indices.intersection(own)) <= len(own) / 3 + 3


def test_a_draw_is_the_same_for_the_same_seed_alone() -> None:
    made = clusters(random.Random(0))
    assert draw(made, 50, 1) == draw(made, 50, 1)
    assert draw(made, 50, 1) != draw(made, 50, 2)


def test_draws_of_all_and_of_nothing() -> None:
    made = clusters(random.Random(0))
    assert draw(made, 300) == examples(300)
    assert draw(made, 5000) == examples(300)
    assert draw(made, 0) == []
    assert draw([], 10) == []


# --- picking by id -----------------------------------------------------------------------------


@pytest.fixture
def benchmark(tmp_path: Path) -> Benchmark:
    paths = {f"db{i}": tmp_path / f"db{i}.sqlite" for i in range(3)}
    return Benchmark("spider", "train", tuple(examples(9)), paths, {"gone": 4}, 13, "abc")


def test_only_those_are_left_in_the_splits_order(benchmark: Benchmark, tmp_path: Path) -> None:
    some = only(benchmark, ["train-0007", "train-0001", "train-0007", "train-0004"], "ids.txt")
    assert [example.index for example in some.examples] == [1, 4, 7]
    assert dict(some.paths) == {"db1": tmp_path / "db1.sqlite"}
    assert (some.name, some.split, some.fingerprint) == ("spider", "train", "abc")
    assert (some.n_total, dict(some.missing)) == (3, {})


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        (["train-0001", "dev-0001"], "ids.txt names what is no question of spider train here: dev-0001 (1 in all)"),
        (list("edcba"), "ids.txt names what is no question of spider train here: a, b, c, … (5 in all)"),
        ([], "ids.txt names no question of spider train"),
    ],
)
def test_ids_that_are_none(benchmark: Benchmark, ids: list[str], sentence: str) -> None:
    with pytest.raises(DatasetError) as caught:
        only(benchmark, ids, "ids.txt")
    assert str(caught.value) == sentence


def test_what_is_picked_can_be_answered_and_scored() -> None:
    bundled = load()
    some = only(bundled, [bundled.examples[i].question.id for i in (3, 60)], "here")
    assert [example.index for example in some.examples] == [3, 60]
    assert all(some.paths[example.question.db_id].exists() for example in some.examples)


SAMPLES = sorted((ROOT / "results" / "samples").glob("*.txt"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_committed_samples_name_questions_by_their_content(
    shared: Path, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ids = path.read_text().split()
    assert len(set(ids)) == len(ids)
    if path.stem.startswith("bird"):
        whole = load("bird:mini-dev", data=shared / "benchmarks" / "bird")
    else:
        whole = real_spider("train" if "train" in path.stem else "dev", shared)
    caplog.clear()
    assert [example.question.id for example in only(whole, ids, str(path)).examples] == ids
    assert not caplog.records


def test_committed_samples_have_no_question_that_was_learnt(shared: Path) -> None:
    whole = real_spider("train", shared)
    may_be_asked = {example.question.id for example in held_out_questions(whole, _plain)[0]}
    samples = [path for path in SAMPLES if path.stem.startswith("heldout")]
    assert len(samples) == 6
    for path in samples:
        assert may_be_asked >= set(path.read_text().split()), path


def test_held_out_questions_of_spider(shared: Path) -> None:
    whole = real_spider("train", shared)
    kept, left_out = held_out_questions(whole, _plain)
    assert left_out["same contents"] == 112
    assert left_out["same question"] == 8
    db_ids = {example.question.db_id for example in kept}
    assert "store_1" not in db_ids
    assert all(map(is_held_out, db_ids))
    assert len(kept) + sum(left_out.values()) == sum(is_held_out(e.question.db_id) for e in whole.examples)


def _plain(queries: Iterable[str]) -> dict[str, str]:
    """Normal forms without parsing, which takes too long for a test."""
    return {sql: " ".join(sql.lower().split()) for sql in queries}
