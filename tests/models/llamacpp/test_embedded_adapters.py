"""The embedded model with adapters: answers are the same beside others and after any, and who gave them is said."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tiny_gguf import write_tiny_adapter

from spider_opt.errors import ModelError, ModelUnavailable, WeightsError
from spider_opt.models import EmbeddedModel
from spider_opt.models.llamacpp import merged, prefixes, server, slots
from spider_opt.paths import file_hash
from spider_opt.types import Completion, ModelInfo, Request

Asked = tuple[str, int, float, int]
Answer = tuple[str, float | None]


@pytest.fixture(scope="module")
def open_model(
    tiny: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., EmbeddedModel]]:
    try:
        server.binding()
    except ModelUnavailable as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefixes, "MIN_TOKENS", 16)
        patch.setattr(slots, "MIN_TOKENS", 16)
        patch.setattr(merged, "cache_dir", lambda: folder)

        def opened(kept: Path | None = None) -> EmbeddedModel:
            return EmbeddedModel(tiny, adapters=[adapter], n_ctx=1024, n_threads=1, logprobs=True, prefixes=kept)

        yield opened


def ask(model: EmbeddedModel, asked: Asked) -> list[Answer]:
    prompt, n, temperature, max_tokens = asked
    done = model.complete(Request(prompt, n=n, temperature=temperature, seed=3, max_tokens=max_tokens))
    return [(one.text, one.logprob) for one in done]


def prompts(rng: random.Random) -> list[Asked]:
    """Prompts with common beginnings, of lengths at which a block ends, and some in several samples."""
    block = server.LARGE_BLOCK
    schemas = ["".join(rng.choices("abcdefgh ", k=length)) for length in (40, 97, block - 9, 2 * block)]
    asked: list[Asked] = []
    for schema in schemas:
        for length in (1, 2, 8, 9, 10, 11, rng.randrange(3, 40), block - len(schema) % block, block + 1):
            asked.append((schema + "".join(rng.choices("xyz", k=length)), 1, 0.0, rng.randrange(1, 9)))
    asked += [(rng.choice(asked)[0], 3, 1.0, 5) for _ in range(3)]
    asked += [(schemas[0], 1, 0.0, 8), (schemas[0] + "x", 1, 0.0, 8), ("a", 1, 0.0, 4), ("ab", 1, 0.0, 4)]
    return asked


def test_an_answer_is_the_same_beside_others_and_after_any(
    open_model: Callable[..., EmbeddedModel], tmp_path: Path
) -> None:
    rng = random.Random(5)
    asked = prompts(rng)
    with open_model() as model:
        alone = {}
        for each in asked:
            server_of(model).forget()
            alone[each] = ask(model, each)
    assert len({str(answer) for answer in alone.values()}) > len(asked) / 2  # noise, but not all the same
    for kept in (None, tmp_path / "kept", tmp_path / "kept"):
        again = [*asked, *asked]
        rng.shuffle(again)
        # What a first answer was is the beginning of what is asked next, as by retry.
        more = [(each[0] + alone[each][0][0] + " again", 1, 0.0, 4) for each in asked[:6]]
        with open_model(kept) as model, ThreadPoolExecutor(13) as threads:
            assert list(threads.map(lambda each: ask(model, each), again)) == [alone[each] for each in again]
            beside = list(threads.map(lambda each: ask(model, each), more))
        with open_model() as model:
            for each, answer in zip(more, beside, strict=True):
                server_of(model).forget()
                assert ask(model, each) == answer
        assert kept is None or any(kept.iterdir())


def test_threads_share_a_beginning_that_nobody_keeps(
    open_model: Callable[..., EmbeddedModel], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    schema = "".join(random.Random(2).choices("abcdefgh ", k=300))
    with open_model() as model:
        with ThreadPoolExecutor(8) as threads:
            done = list(threads.map(lambda i: model.complete(Request(f"{schema} {i}", max_tokens=3)), range(8)))
        assert any(tmp_path.iterdir())
        n_anew = [one.usage.prompt_tokens - one.usage.cached_tokens for [one] in done]
        assert sorted(n_anew)[-1] > 200, "the first computes all"
        assert sorted(n_anew)[-3] < 20, "and the second may, before it is known where they part"
        server_of(model).forget()
        [again] = model.complete(Request(f"{schema} 3", max_tokens=3))
        assert again.usage.cached_tokens == 0
    assert not any(tmp_path.iterdir())


def server_of(model: EmbeddedModel) -> server.LlamaServer:
    return model._started()


def test_it_answers_as_the_model_that_is_asked(
    open_model: Callable[..., EmbeddedModel], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with open_model() as model:
        assert one(model, "quiet").served == ""
        said = [record.getMessage() for record in caplog.records]
        assert said in ([], ["tiny: the adapter is put into the weights, which is done once and takes up to a minute"])
    assert capfd.readouterr() == ("", "")


def test_what_is_known_is_not_computed_again(open_model: Callable[..., EmbeddedModel], tmp_path: Path) -> None:
    """Not in the slot that has it, not in another, and not in the next process."""
    schema = "abc" * 40
    cached = {}
    for process in range(2):
        with open_model(tmp_path) as model, ThreadPoolExecutor(8) as threads:
            done = list(threads.map(lambda i: one(model, schema + str(i) * 20), range(16)))
            cached[process] = [completion.usage.cached_tokens for completion in done]
    assert sorted(cached[0])[0] == 0
    assert sorted(cached[0])[1] >= 104 + 8  # multiples of 8 are kept
    assert min(cached[1]) >= 104 + 8


def one(model: EmbeddedModel, prompt: str) -> Completion:
    [done] = model.complete(Request(prompt, max_tokens=12))
    assert (done.usage.calls, done.usage.prompt_tokens, done.usage.completion_tokens) == (1, len(prompt), 12)
    return done


def test_seconds_are_a_share_of_those_that_passed(open_model: Callable[..., EmbeddedModel]) -> None:
    with open_model() as model, ThreadPoolExecutor(8) as threads:
        one(model, "start")
        began = time.perf_counter()
        done = list(threads.map(lambda i: one(model, f"{i} questions " * 9), range(8)))
        passed = time.perf_counter() - began
    shares = sum(completion.usage.seconds for completion in done)
    assert 0.3 * passed < shares < 1.05 * passed


def test_a_prompt_that_is_too_long_costs_the_others_nothing(open_model: Callable[..., EmbeddedModel]) -> None:
    with open_model() as model, ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(one, model, "b" * n) for n in (20, 3000, 30, 1024)]
        assert asked[0].result().text
        assert asked[2].result().text
        for i in (1, 3):
            with pytest.raises(ModelError, match="does not fit into the context"):
                asked[i].result()


def test_closing_it_while_many_wait_ends_soon(open_model: Callable[..., EmbeddedModel]) -> None:
    with open_model() as model, ThreadPoolExecutor(20) as threads:
        one(model, "start")
        request = Request("a long story", max_tokens=900)
        asked = [threads.submit(model.complete, request) for _ in range(20)]
        time.sleep(0.05)
        began = time.monotonic()
        model.close()
        assert time.monotonic() - began < 10
        ended = [one for one in asked if isinstance(one.exception(timeout=10), ModelError)]
    assert len(ended) >= 12  # those that had their turn at once may have been answered


def test_answers_are_of_the_adapter_that_was_found(tiny: Path, cache: Path, tmp_path: Path) -> None:
    adapter = write_tiny_adapter(tmp_path / "adapter.gguf")
    model = EmbeddedModel(tiny, info=ModelInfo("tiny", adapter=file_hash(adapter)), adapters=[adapter], n_ctx=512)
    write_tiny_adapter(adapter, seed=1)  # as a training does every two minutes
    with pytest.raises(WeightsError, match="was replaced after it was found, by a training of that name maybe"):
        model.complete(Request("?", max_tokens=2))
    model.close()


def test_who_answers_is_said_where_only_files_are_given(tiny: Path, adapter: Path, tmp_path: Path) -> None:
    """Else what one adapter answered would be taken for another's."""
    other = write_tiny_adapter(tmp_path / "other.gguf", seed=1)
    models = [EmbeddedModel(tiny, adapters=some) for some in ([adapter], [other], [adapter, other], [])]
    one, two = file_hash(adapter), file_hash(other)
    assert [model.info.adapter for model in models] == [one, two, f"{one}+{two}", ""]
    with pytest.raises(WeightsError, match=r"No adapter at .*nothing"):
        EmbeddedModel(tiny, adapters=[tmp_path / "nothing"])
