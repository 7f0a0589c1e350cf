"""What many threads ask comes in batches, and whatever happens nobody waits for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest

from spider_opt.errors import ModelError
from spider_opt.models.torch import batching
from spider_opt.models.torch.batching import Batcher, Decoded, Limits, Said

Prompt = list[int]
SOON_S = 20.0
SHARED = [*range(100, 120)]
OTHER = [*range(200, 220)]


class Decoder:
    """Answers a prompt with its last token and the draw; can be held, or told to fail."""

    def __init__(self) -> None:
        self.batches: list[tuple[list[Prompt], list[tuple[int, float, int]], int]] = []
        self.grammars: list[list[str | None]] = []
        self.free = threading.Event()
        self.free.set()
        self.busy = threading.Event()
        self.error: Callable[[list[Prompt]], BaseException | None] = lambda prompts: None
        self.answers: Callable[[list[Said]], list[Said]] = lambda answers: answers

    def __call__(
        self,
        prompts: Sequence[Sequence[int]],
        draws: Sequence[tuple[int, float, int]],
        max_tokens: int,
        wanted: Callable[[], bool],
        grammars: Sequence[str | None],
    ) -> list[Said]:
        self.grammars.append([*grammars])
        asked = [[*prompt] for prompt in prompts]
        self.batches.append((asked, [*draws], max_tokens))
        self.busy.set()
        while wanted() and not self.free.wait(0.005):
            pass
        if (error := self.error(asked)) is not None:
            raise error
        return self.answers([Said([asked[i][-1], round(10 * heat), seed]) for i, heat, seed in draws])

    @property
    def together(self) -> list[list[int]]:
        """The last tokens of the prompts of each batch."""
        return [[prompt[-1] for prompt in prompts] for prompts, _, _ in self.batches]


@pytest.fixture
def decoder() -> Decoder:
    return Decoder()


@pytest.fixture
def made(decoder: Decoder) -> Iterator[Callable[..., Batcher]]:
    """Makes batchers; at the end none of their threads is left."""
    every: list[Batcher] = []

    def make(**limits: Any) -> Batcher:
        every.append(Batcher(lambda: (decoder, Limits(**{"wait_s": 0.2, **limits}))))
        every[-1].start()
        return every[-1]

    yield make
    decoder.free.set()
    for one in every:
        one.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "batches"]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(100) as pool:
        yield pool


def all_of(futures: Sequence[Future[Decoded]]) -> list[Decoded]:
    _, late = wait(futures, SOON_S)
    assert not late, f"{len(late)} of {len(futures)} are still waiting"
    return [future.result() for future in futures]


def tokens(decoded: Decoded) -> list[list[int]]:
    return [said.tokens for said in decoded.answers]


def errors_of(futures: Sequence[Future[Decoded]]) -> list[str]:
    wait(futures, SOON_S)
    found = [future.exception(0) for future in futures]
    assert all(isinstance(error, ModelError) for error in found), found
    assert len({id(error) for error in found}) == len(found), "each thread must have an error of its own to raise"
    return [str(error) for error in found]


def in_order(batcher: Batcher, pool: ThreadPoolExecutor, *asked: tuple[Any, ...]) -> list[Future[Decoded]]:
    """Ask from a thread each, the next one once the one before waits."""
    futures = []
    for one in asked:
        before = len(batcher._waiting)
        futures.append(pool.submit(batcher.ask, *one))
        until = time.monotonic() + SOON_S
        while len(batcher._waiting) == before and not futures[-1].done() and time.monotonic() < until:
            time.sleep(0.001)
    return futures


GREEDY = [(0.0, 0)]


def test_who_asks_at_once_is_answered_together(made: Any, decoder: Decoder, pool: ThreadPoolExecutor) -> None:
    asked = [([*SHARED, i], [(0.5, i), (0.0, i + 1)], 9) for i in range(20)]
    said = all_of(in_order(made(), pool, *asked))
    assert [tokens(one) for one in said] == [[[i, 5, i], [i, 0, i + 1]] for i in range(20)]
    [(prompts, draws, max_tokens)] = decoder.batches
    assert (prompts, max_tokens) == ([prompt for prompt, _, _ in asked], 9)
    assert draws == [(i, *draw) for i, (_, own, _) in enumerate(asked) for draw in own]


def test_no_more_than_the_limits(made: Any, decoder: Decoder, pool: ThreadPoolExecutor) -> None:
    asked = [([*SHARED, i], GREEDY, 9) for i in range(10)]
    all_of(in_order(made(prompts=4), pool, *asked))
    assert [len(batch) for batch in decoder.together] == [4, 4, 2]
    decoder.batches.clear()
    all_of(in_order(made(tokens=len(SHARED) + 5), pool, *asked))
    assert [len(batch) for batch in decoder.together] == [5, 5]
    decoder.batches.clear()
    assert tokens(all_of(in_order(made(tokens=5), pool, *asked[:1]))[0]) == [[0, 0, 0]], "one is taken, however long"


def test_many_samples_are_drawn_in_parts(made: Any, decoder: Decoder, pool: ThreadPoolExecutor) -> None:
    asked = [([*SHARED, i], [(1.0, 100 * i + j) for j in range(7)], 9) for i in range(3)]
    said = all_of(in_order(made(rows=10), pool, *asked))
    assert [tokens(one) for one in said] == [[[i, 10, 100 * i + j] for j in range(7)] for i in range(3)]
    assert [len(draws) for _, draws, _ in decoder.batches] == [10, 10, 1]


def test_each_prompt_has_its_own_grammar_in_every_part(made: Any, decoder: Decoder, pool: ThreadPoolExecutor) -> None:
    drawn = [(0.5, i) for i in range(3)]
    asked = [([*SHARED, i], drawn, 9, grammar) for i, grammar in enumerate(["a", None, "b"])]
    all_of(in_order(made(rows=4), pool, *asked))
    assert decoder.together == [[0, 1], [1, 2], [2]]
    assert decoder.grammars == [["a", None], [None, "b"], ["b"]]


def test_schemas_are_not_mixed_and_the_oldest_comes_first(
    made: Any, decoder: Decoder, pool: ThreadPoolExecutor
) -> None:
    mixed = [([*(SHARED if i % 3 else OTHER), i], GREEDY, 9) for i in range(12)]
    said = all_of(in_order(made(), pool, *mixed))
    assert [tokens(one)[0][0] for one in said] == [*range(12)]
    assert decoder.together == [[0, 3, 6, 9], [1, 2, 4, 5, 7, 8, 10, 11]]


def test_those_that_are_like_no_other_are_answered_together(
    made: Any, decoder: Decoder, pool: ThreadPoolExecutor
) -> None:
    lonely = [([7, i, *range(20 * i, 20 * i + 9)], GREEDY, 9) for i in range(4)]
    like = [([*SHARED, i], GREEDY, 9) for i in (1000, 1001)]
    all_of(in_order(made(), pool, lonely[0], like[0], lonely[1], like[1], lonely[2], lonely[3]))
    assert decoder.together == [[8, 28, 48, 68], [1000, 1001]]


def test_other_lengths_of_answers_are_other_batches(made: Any, decoder: Decoder, pool: ThreadPoolExecutor) -> None:
    all_of(in_order(made(), pool, *[([*SHARED, i], GREEDY, 5 + i % 2) for i in range(6)]))
    assert decoder.together == [[0, 2, 4], [1, 3, 5]]
    assert [max_tokens for _, _, max_tokens in decoder.batches] == [5, 6]


def test_what_comes_meanwhile_is_the_next_batch(made: Any, decoder: Decoder, pool: ThreadPoolExecutor) -> None:
    decoder.free.clear()
    batcher = made(wait_s=0.01)
    first = in_order(batcher, pool, ([*SHARED, 0], GREEDY, 9))
    assert decoder.busy.wait(SOON_S)
    later = in_order(batcher, pool, *[([*SHARED, i], GREEDY, 9) for i in range(1, 6)])
    decoder.free.set()
    assert [tokens(one)[0][0] for one in all_of([*first, *later])] == [*range(6)]
    assert decoder.together == [[0], [1, 2, 3, 4, 5]]


def test_a_full_batch_waits_for_nobody(made: Any, decoder: Decoder, pool: ThreadPoolExecutor) -> None:
    batcher = made(prompts=3, wait_s=60.0)
    assert len(all_of(in_order(batcher, pool, *[([*SHARED, i], GREEDY, 9) for i in range(3)]))) == 3


def test_what_it_cost(made: Any, decoder: Decoder, pool: ThreadPoolExecutor) -> None:
    decoder.free.clear()
    threading.Timer(0.4, decoder.free.set).start()
    asked = [([*SHARED, 50], GREEDY, 9), ([*SHARED, 51], [(1.0, i) for i in range(3)], 9)]
    one, other = all_of(in_order(made(wait_s=0.05), pool, *asked))
    assert (one.cached, other.cached) == (0, len(SHARED))
    assert 0.2 <= one.seconds + other.seconds < SOON_S
    assert other.seconds == pytest.approx(3 * one.seconds)


# --- trouble -----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), MemoryError(), SystemExit(3), KeyboardInterrupt()])
def test_an_error_reaches_all_of_its_batch_and_no_other(
    made: Any, decoder: Decoder, pool: ThreadPoolExecutor, error: BaseException
) -> None:
    decoder.error = lambda prompts: error if prompts[0][0] == OTHER[0] else None
    batcher = made()
    asked = [([*(SHARED if i % 2 else OTHER), i], GREEDY, 9) for i in range(10)]
    futures = in_order(batcher, pool, *asked)
    said = errors_of(futures[::2])
    assert set(said) == {f"The answers of this batch could not be computed: {error!s}" if str(error) else
                         f"The answers of this batch could not be computed: {error!r}"}  # fmt: skip
    assert [tokens(one)[0][0] for one in all_of(futures[1::2])] == [1, 3, 5, 7, 9]
    decoder.error = lambda prompts: None
    assert tokens(batcher.ask([*OTHER, 3], GREEDY, 9)) == [[3, 0, 0]], "it goes on"


@pytest.mark.parametrize("wrong", [lambda answers: answers[:-1], lambda answers: None], ids=["too few", "nothing"])
def test_a_decoder_that_is_wrong(made: Any, decoder: Decoder, pool: ThreadPoolExecutor, wrong: Any) -> None:
    decoder.answers = wrong
    futures = in_order(made(), pool, *[([*SHARED, i], GREEDY, 9) for i in range(4)])
    wait(futures, SOON_S)
    assert all(future.done() for future in futures)
    assert isinstance(futures[-1].exception(0), ModelError)


def test_an_error_among_parts_of_many_samples(made: Any, decoder: Decoder, pool: ThreadPoolExecutor) -> None:
    decoder.error = lambda prompts: RuntimeError("no more") if len(decoder.batches) == 2 else None
    batcher = made(rows=4)
    errors_of(in_order(batcher, pool, ([*SHARED, 1], [(1.0, i) for i in range(11)], 9)))
    assert len(decoder.batches) == 2, "the rest of it is not drawn"
    assert batcher._waiting == []


def test_a_batch_that_cannot_be_chosen(
    made: Any, decoder: Decoder, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    batcher = made()
    broken: Any = None  # no prompt
    futures = in_order(batcher, pool, ([*SHARED, 1], GREEDY, 9), (broken, GREEDY, 9))
    errors_of(futures)
    assert tokens(batcher.ask([*SHARED, 3], GREEDY, 9)) == [[3, 0, 0]]


def test_closed_while_many_wait(made: Any, decoder: Decoder, pool: ThreadPoolExecutor) -> None:
    decoder.free.clear()
    batcher = made(prompts=4)
    futures = in_order(batcher, pool, *[([*SHARED, i], GREEDY, 9) for i in range(30)])
    assert decoder.busy.wait(SOON_S)
    batcher.close()
    assert set(errors_of(futures)) == {"The model was closed before it answered."}
    assert len(decoder.batches) == 1
    with pytest.raises(ModelError, match="closed"):
        batcher.ask([*SHARED, 1], GREEDY, 9)
    batcher.close()


def test_closed_over_a_decoder_that_does_not_listen(
    decoder: Decoder, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "END_WITHIN_S", 0.05)
    held, begun = threading.Event(), threading.Event()

    def deaf(*_: Any) -> list[list[int]]:
        begun.set()
        held.wait(SOON_S)
        return [[1]]

    batcher = Batcher(lambda: (deaf, Limits(wait_s=0.0)))
    batcher.start()
    future = pool.submit(batcher.ask, [1, 2], GREEDY, 9)
    assert begun.wait(SOON_S)
    batcher.close()
    assert errors_of([future]) == ["The model was closed before it answered."]
    held.set()
    thread = batcher._thread
    assert thread.daemon
    thread.join(SOON_S)
    assert not thread.is_alive()


def test_all_is_made_and_computed_by_one_thread(decoder: Decoder) -> None:
    threads: list[str] = []

    def begin() -> tuple[Any, Limits]:
        threads.append(threading.current_thread().name)

        def decode(*asked: Any) -> list[Said]:
            threads.append(threading.current_thread().name)
            return decoder(*asked)

        return decode, Limits()

    batcher = Batcher(begin)
    batcher.start()
    batcher.ask([1, 2], GREEDY, 9)
    batcher.close()
    assert threads == ["batches", "batches"]


def test_what_keeps_it_from_beginning_is_raised() -> None:
    def begin() -> tuple[Any, Limits]:
        raise OSError("no weights")

    batcher = Batcher(begin)
    with pytest.raises(OSError, match="no weights"):
        batcher.start()
    batcher.close()


def test_closed_before_it_began(made: Any) -> None:
    batcher = made()
    batcher.close()
    with pytest.raises(ModelError, match="closed"):
        batcher.ask([1, 2], GREEDY, 9)


def test_a_crowd(made: Any, decoder: Decoder, pool: ThreadPoolExecutor) -> None:
    decoder.error = lambda prompts: RuntimeError("bad luck") if len(decoder.batches) % 7 == 3 else None
    batcher = made(prompts=8, rows=20, wait_s=0.001)

    told: set[str] = set()

    def person(number: int) -> int:
        right = 0
        for turn in range(10):
            prompt = [*(SHARED, OTHER, [number, turn])[(number + turn) % 3], number]
            draws = [(0.7, 10 * number + i) for i in range(1 + number % 4)]
            try:
                said = batcher.ask(prompt, draws, 5 + turn % 2)
            except ModelError as error:
                told.add(str(error))
            else:
                assert tokens(said) == [[number, 7, seed] for _, seed in draws]
                right += 1
        return right

    futures = [pool.submit(person, i) for i in range(60)]
    _, late = wait(futures, 60)
    assert not late
    assert 200 < sum(future.result() for future in futures) < 600
    assert told == {"The answers of this batch could not be computed: bad luck"}
