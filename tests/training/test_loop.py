"""A training that is stopped anywhere goes on as if nothing had been."""

from __future__ import annotations

import json
import math
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spider_opt.answering.drafts import Look
from spider_opt.errors import LeakError, TrainingError
from spider_opt.training import loop as training_loop
from spider_opt.training.dataset import Item
from spider_opt.training.loop import Settings, Step, Training
from spider_opt.training.packer import Packer
from spider_opt.types import Schema

if TYPE_CHECKING:
    import torch

NEEDS = ("torch",)

HELD_OUT = "database_6"  # by the hash of its name, see test_validation.py
SETTINGS = Settings(epochs=2.0, rate=1e-2, rank=4, alpha=8.0, packs=2, warmup=0.2, seed=5)
Lessons = Callable[..., list[Item]]


def as_written(sql: str, schema: Schema) -> str:
    return sql


class Clock:
    """Goes on by one second whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


class Trainings:
    """Makes trainings that are alike but for what is said, and keeps which packs each step learnt from."""

    def __init__(self, tiny: Any, tokenizer: Any, items: list[Item], watched: list[Item]) -> None:
        self.tiny, self.tokenizer, self.items, self.watched = tiny, tokenizer, items, watched
        self.learnt: dict[Path, dict[int, list[Any]]] = defaultdict(lambda: defaultdict(list))
        self.now: Training | None = None

    def __call__(self, folder: Path, settings: Settings = SETTINGS, **options: Any) -> Training:
        from spider_opt.models.torch.lora import add_lora

        model = options.pop("model", None) or self.tiny()
        lora = add_lora(model, rank=settings.rank, alpha=settings.alpha, seed=settings.seed)
        packer = Packer(
            self.tokenizer,
            {},
            look=options.pop("look", Look(values=0)),
            target=options.pop("target", as_written),
            n=options.pop("n", 3),
        )
        items, watched = options.pop("items", self.items), options.pop("watched", self.watched)
        options = {"clock": Clock(), "checkpoint_s": math.inf} | options
        self.now = Training(model, lora, packer, items, watched, settings, folder, **options)
        return self.now

    def note(self, pack: Any) -> None:
        if torch.is_grad_enabled() and self.now is not None:
            learnt = self.learnt[self.now.folder][self.now.n]
            ids = pack.ids[0].tolist()
            if ids not in learnt:  # a step that was stopped is done again
                learnt.append(ids)


@contextmanager
def prepared(tiny: Any, tokenizer: Any, lessons: Lessons) -> Iterator[Trainings]:
    from spider_opt.training import loss

    trainings = Trainings(tiny, tokenizer, [*lessons(7, "shop"), *lessons(8, "farm")], lessons(3, HELD_OUT))
    real = loss.summed_loss

    def noted(model: Any, pack: Any) -> Any:
        trainings.note(pack)
        return real(model, pack)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss, "summed_loss", noted)
        patch.setattr(training_loop, "_BETWEEN_LOOKS", 0)  # so that looks do not depend on the time they take
        yield trainings


@pytest.fixture
def trainings(tiny: Any, tokenizer: Any, lessons: Lessons) -> Iterator[Trainings]:
    with prepared(tiny, tokenizer, lessons) as trainings:
        yield trainings


@pytest.fixture(scope="module")
def unbroken(
    needed: None, tiny: Any, tokenizer: Any, lessons: Lessons, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Training, dict[int, list[Any]]]:
    """A training that ran to its end, and what each of its steps learnt from."""
    with prepared(tiny, tokenizer, lessons) as trainings:
        training = trainings(tmp_path_factory.mktemp("whole"))
        list(training.run())
    return training, trainings.learnt[training.folder]


def weights(training: Training) -> list[Any]:
    return [weight.detach().clone() for weight in training._weights]


def logged(training: Training) -> list[dict[str, Any]]:
    return [json.loads(line) for line in training.log.read_text().splitlines()]


def without_clock(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in step.items() if key != "seconds"} for step in steps]


# --- the course --------------------------------------------------------------------------------


def test_it_learns_and_says_so(trainings: Trainings, tmp_path: Path) -> None:
    training = trainings(tmp_path / "a", replace(SETTINGS, epochs=6.0))
    steps = list(training.run())
    # 7 questions in groups of at most 3 are 3 packs, 8 are 3; 6 packs of 6 epochs, two a step
    assert len(steps) == training.n_steps == 18
    assert steps[-1].loss < steps[0].loss / 2
    assert (steps[-1].examples, steps[-1].done) == (6 * 15, 1.0)
    assert steps[-1].tokens == sum(
        map(len, (ids for step in trainings.learnt[tmp_path / "a"].values() for ids in step))
    )
    assert [step.n for step in steps] == list(range(1, 19))
    assert [step["n"] for step in logged(training)] == list(range(1, 19))
    assert training.checkpoint.is_file()


def test_the_rate_climbs_and_falls_to_nothing(trainings: Trainings, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=10.0)
    rates = [step.rate for step in trainings(tmp_path, settings).run()]
    top = rates.index(max(rates))
    assert 0.1 <= top / len(rates) <= 0.25
    assert max(rates) == pytest.approx(settings.rate, rel=0.05)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 < rates[0] < settings.rate / 2
    assert rates[-1] < settings.rate / 100


def test_one_seed_one_result(trainings: Trainings, tmp_path: Path) -> None:
    taken = {}
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        training = trainings(tmp_path / name, replace(SETTINGS, seed=seed))
        list(training.run())
        taken[name] = weights(training)
    for one, same, other in zip(taken["a"], taken["b"], taken["c"], strict=True):
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
    learnt = [trainings.learnt[tmp_path / name] for name in "abc"]
    assert learnt[0] == learnt[1] != learnt[2]


@pytest.mark.parametrize("at_once", [2, 8])
def test_packs_that_are_computed_at_once_teach_the_same(trainings: Trainings, tmp_path: Path, at_once: int) -> None:
    settings = replace(SETTINGS, packs=3)
    expected = list(trainings(tmp_path / "alone", settings).run())
    gpu = trainings(tmp_path / "gpu", settings)
    gpu._at_once = at_once  # as on a GPU
    found = list(gpu.run())
    assert [step.loss for step in found] == pytest.approx([step.loss for step in expected], rel=1e-3)
    watched = [step.validation for step in expected]
    assert [step.validation for step in found] == pytest.approx(watched, rel=1e-3)
    n_calls = {len(calls) for calls in trainings.learnt[tmp_path / "gpu"].values()}
    assert n_calls == {-(-3 // at_once)}, "as many calls as there are portions"


def test_each_epoch_shows_every_question_once(trainings: Trainings, tmp_path: Path) -> None:
    training = trainings(tmp_path)
    list(training.run())
    shown = "".join(trainings.tokenizer.decode(ids) for step in trainings.learnt[tmp_path].values() for ids in step)
    for text, sql in {(item.question.text, item.sql) for item in trainings.items}:
        # What questions have in common stands once, before them.
        own = f"{text.split()[-1]}<|im_end|>\n<|im_start|>assistant\n{sql}<|im_end|>"
        assert shown.count(own) == 2 * [item.sql for item in trainings.items].count(sql)
    assert len({item.sql for item in trainings.items}) == 8


# --- stopped and resumed -----------------------------------------------------------------------


class Killed(BaseException):
    """Nothing is done any more."""


def by_who_reads(training: Training, at: int, patch: pytest.MonkeyPatch) -> Iterator[Step]:
    for step in training.run():
        yield step
        if step.n == at:
            raise RuntimeError("cannot tell")


def in_the_middle_of_a_step(training: Training, at: int, patch: pytest.MonkeyPatch) -> Iterator[Step]:
    from spider_opt.training import loss

    real = loss.summed_loss

    def interrupted(model: Any, pack: Any) -> Any:
        loss = real(model, pack)
        if training.n == at and loss.requires_grad:
            loss.backward()  # gradients of half a step
            raise KeyboardInterrupt
        return loss

    patch.setattr(loss, "summed_loss", interrupted)
    yield from training.run()


def while_weights_change(training: Training, at: int, patch: pytest.MonkeyPatch) -> Iterator[Step]:
    real = training._optimizer.step

    def interrupted() -> None:
        real()
        if training.n == at:
            raise KeyboardInterrupt

    patch.setattr(training._optimizer, "step", interrupted)
    yield from training.run()


def while_it_is_watched(training: Training, at: int, patch: pytest.MonkeyPatch) -> Iterator[Step]:
    real = training.validation

    def interrupted() -> float | None:
        if training.n == at + 1:
            raise KeyboardInterrupt
        return real()

    patch.setattr(training, "validation", interrupted)
    yield from training.run()


def without_a_word(training: Training, at: int, patch: pytest.MonkeyPatch) -> Iterator[Step]:
    """As a kill of the process does: what is on disk after a step stays, and a line is half written."""
    aside = training.folder.with_name("aside")
    for step in training.run():
        yield step
        if step.n == at:
            shutil.copytree(training.folder, aside)
            with (aside / "log.jsonl").open("a") as file:
                file.write('{"n": ')
            break
    shutil.rmtree(training.folder)
    aside.rename(training.folder)
    raise Killed


@pytest.mark.parametrize("checkpoint_s", [math.inf, 8.0, 0.0])
@pytest.mark.parametrize(
    "stop", [by_who_reads, in_the_middle_of_a_step, while_weights_change, while_it_is_watched, without_a_word]
)
def test_killed_three_times_it_ends_where_the_unbroken_one_ends(
    trainings: Trainings,
    unbroken: tuple[Training, dict[int, list[Any]]],
    tmp_path: Path,
    stop: Any,
    checkpoint_s: float,
) -> None:
    whole, learnt = unbroken
    broken = tmp_path / "broken"
    begun_at = []
    for at in (1, 3, 4):
        training = trainings(broken, checkpoint_s=checkpoint_s)
        training.resume()
        begun_at.append(training.n)
        with pytest.MonkeyPatch.context() as patch, pytest.raises((RuntimeError, KeyboardInterrupt, Killed)):
            for _ in stop(training, at, patch):
                pass
    last = trainings(broken, checkpoint_s=checkpoint_s)
    last.resume()
    begun_at.append(last.n)
    list(last.run())
    if stop in (by_who_reads, in_the_middle_of_a_step) or checkpoint_s == 0:
        assert begun_at == [0, 1, 3, 4]
    assert trainings.learnt[broken] == learnt
    assert without_clock(logged(last)) == without_clock(logged(whole))
    assert [step["n"] for step in logged(last)] == [1, 2, 3, 4, 5, 6]
    for one, other in zip(weights(whole), weights(last), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)
    assert (last.examples, last.tokens) == (whole.examples, whole.tokens)


def test_a_finished_training_has_nothing_left_to_do(trainings: Trainings, tmp_path: Path) -> None:
    first = trainings(tmp_path)
    list(first.run())
    before = logged(first)
    again = trainings(tmp_path)
    assert again.resume()
    assert list(again.run()) == []
    assert logged(again) == before
    for one, other in zip(weights(first), weights(again), strict=True):
        assert torch.equal(one, other)


def test_without_a_checkpoint_it_begins_anew(trainings: Trainings, tmp_path: Path) -> None:
    training = trainings(tmp_path)
    assert not training.resume()
    training.folder.mkdir(exist_ok=True)
    training.log.write_text('{"n": 1}\n{"n": 2}\n')  # of one that was killed before its first checkpoint
    list(training.run())
    assert [step["n"] for step in logged(training)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "other",
    [
        {"settings": replace(SETTINGS, rate=1e-3)},
        {"settings": replace(SETTINGS, seed=6)},
        {"settings": replace(SETTINGS, minutes=5.0)},
        {"settings": replace(SETTINGS, rank=2)},
        {"items": "fewer"},
        {"items": "other query"},
        {"look": Look(values=0, keys=False)},
        {"target": lambda sql, schema: sql},
        {"n": 2},
        {"base": "b" * 64},
    ],
    ids=lambda other: "-".join(other),
)
def test_a_checkpoint_of_another_training_is_refused(
    trainings: Trainings, tmp_path: Path, other: dict[str, Any]
) -> None:
    first = trainings(tmp_path, base="a" * 64)
    next(first.run()).n  # noqa: B018
    first.save()
    if "items" in other:
        items = trainings.items
        fewer = items[:-1]
        other = {"items": fewer if other["items"] == "fewer" else [*fewer, replace(items[-1], sql="SELECT 1")]}
    training = trainings(tmp_path, **({"base": "a" * 64} | other))
    before = weights(training)
    with pytest.raises(TrainingError, match="holds a training with other data or settings: give those again"):
        training.resume()
    assert all(torch.equal(a, b) for a, b in zip(before, weights(training), strict=True))
    assert trainings(tmp_path, base="a" * 64).resume()


def test_a_half_written_checkpoint_is_named(trainings: Trainings, tmp_path: Path) -> None:
    training = trainings(tmp_path)
    training.save()
    training.checkpoint.write_bytes(training.checkpoint.read_bytes()[:2000])
    with pytest.raises(TrainingError, match=r"checkpoint\.pt is no checkpoint, or a broken one"):
        trainings(tmp_path).resume()


def test_a_full_disk_ends_it_and_the_last_checkpoint_stays(
    trainings: Trainings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = trainings(tmp_path, checkpoint_s=0.0)
    with pytest.raises(TrainingError, match=r"cannot be written .*No space left"), monkeypatch.context() as patch:  # noqa: PT012
        for step in training.run():
            if step.n == 2:

                def full(*_: object) -> None:
                    raise OSError(28, "No space left on device")

                patch.setattr(torch, "save", full)
    again = trainings(tmp_path)
    assert again.resume()
    assert again.n == 2
    list(again.run())
    assert [step["n"] for step in logged(again)] == [1, 2, 3, 4, 5, 6]


# --- time, numbers, leaks ----------------------------------------------------------------------


def test_minutes_end_the_schedule(trainings: Trainings, tmp_path: Path) -> None:
    """The clock goes on by a few seconds a step, so that a minute is over long before 1,000 epochs are."""
    settings = replace(SETTINGS, epochs=1000.0, minutes=1.0)
    training = trainings(tmp_path, settings)
    steps = list(training.run())
    assert training.n_steps == 3000
    assert 15 < len(steps) < 60
    assert steps[-1].done >= 1
    assert steps[-2].done < 1
    assert 60 <= training.seconds < 70
    assert max(step.rate for step in steps) > settings.rate * 0.9
    assert steps[-1].rate < settings.rate * 0.02
    watched = [step.done for step in steps if step.validation is not None]
    assert len(watched) == 10  # spread over the time, not over the 3,000 steps
    assert steps[-1].validation is not None


@pytest.mark.parametrize("takes", [1.0, 20.0])
def test_looking_takes_a_tenth_of_the_time_at_most(
    trainings: Trainings, tmp_path: Path, takes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    training = trainings(tmp_path, replace(SETTINGS, epochs=1000.0, minutes=5.0), clock=clock)
    real = training.validation

    def slow() -> float | None:
        clock.now += takes
        return real()

    monkeypatch.setattr(training, "validation", slow)
    monkeypatch.setattr(training_loop, "_BETWEEN_LOOKS", 9)
    steps = list(training.run())
    watched = [step for step in steps if step.validation is not None]
    assert steps[-1] is watched[-1]
    if takes == 1:
        assert len(watched) == 10
    else:
        between = [b.seconds - a.seconds for a, b in pairwise(watched[:-1])]
        assert 2 <= len(watched) < 5
        assert min(between) > 9 * takes


def test_resumed_it_has_only_the_minutes_that_are_left(trainings: Trainings, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1000.0, minutes=1.0)
    for step in trainings(tmp_path, settings).run():
        if step.seconds > 40:
            break
    training = trainings(tmp_path, settings, clock=Clock())
    assert training.resume()
    assert 40 < training.seconds < 50
    steps = list(training.run())
    assert 60 <= steps[-1].seconds < 70


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_loss_that_is_no_number_ends_it_and_spoils_nothing(trainings: Trainings, tmp_path: Path, where: str) -> None:
    training = trainings(tmp_path)
    model = training._model
    with pytest.raises(TrainingError, match="The loss is no number any more: train with a lower rate"):  # noqa: PT012
        for step in training.run():
            if step.n == 2 and where == "loss":
                model.model.norm.weight.data.fill_(math.nan)
            elif step.n == 2:
                training._weights[0].register_hook(lambda gradient: gradient * math.inf)
    assert training.n == 2
    again = trainings(tmp_path)
    assert again.resume()
    assert again.n == 2
    assert all(weight.isfinite().all() for weight in weights(again))


def test_what_must_not_be_learnt_is_refused_before_anything_is_computed(lessons: Lessons, tmp_path: Path) -> None:
    def made(training: list[Item], validation: list[Item]) -> Training:
        return Training(None, None, None, training, validation, SETTINGS, tmp_path)  # type: ignore[arg-type]

    for items in (lessons(2, HELD_OUT), [*lessons(2), *lessons(1, kind="dev")]):
        with pytest.raises(LeakError, match="must not be trained on"):
            made(items, [])
    with pytest.raises(LeakError, match="must not be trained on: its id is that of an evaluation split"):
        made(lessons(2), lessons(1, HELD_OUT, kind="dev"))
    with pytest.raises(LeakError, match="train-farm-0000 must not be watched: its database farm is trained on"):
        made(lessons(2), [*lessons(1, HELD_OUT), *lessons(1, "farm")])
    with pytest.raises(LeakError, match=f"{HELD_OUT}.* must not be watched"):
        Training(None, None, None, lessons(2, HELD_OUT), lessons(1, HELD_OUT), SETTINGS, tmp_path, hold_out=False)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="nothing to train on"):
        made([], lessons(1, HELD_OUT))
    assert not list(tmp_path.iterdir())


def test_nothing_may_be_watched(trainings: Trainings, tmp_path: Path) -> None:
    training = trainings(tmp_path, watched=[])
    assert {step.validation for step in training.run()} == {None}


def test_what_is_watched_is_the_mean_over_answer_tokens(trainings: Trainings, tmp_path: Path) -> None:
    one, two = (trainings(tmp_path, watched=[item]).validation() for item in trainings.watched[:2])
    both = trainings(tmp_path, watched=trainings.watched[:2]).validation()
    assert one is not None
    assert two is not None
    assert both == pytest.approx((one + two) / 2, rel=1e-4)  # their answers are of the same length
