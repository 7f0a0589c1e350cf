"""What a tuned model learnt from and is asked: where these overlap, its numbers say little of other databases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from spider_opt.benchmarks.learnt import question_hash
from spider_opt.benchmarks.validation import is_held_out, is_training
from spider_opt.errors import LeakError, MethodError, SpiderOptError
from spider_opt.methods import Method
from spider_opt.models.adapters import Adapter, find_adapter
from spider_opt.types import Benchmark, Example, Tools
from spider_opt.wording import switched_on

SHOWN = 3


class Learnt(NamedTuple):
    """Of how many databases asked about a method's adapters are known to have learnt, and which do not say: names."""

    databases: int = 0
    unknown: str = ""


def check_learnt(
    method: Method,
    asked: Sequence[Example],
    limit: int | None,
    *,
    allowed: bool,
    tell: Callable[[str], None],
) -> Learnt:
    """Make sure that no model is asked about databases that it learnt from, unless that is ``allowed``.

    Of those who may be ``asked`` the first ``limit`` are. Where an adapter does not say what it learnt from, or learnt
    questions that are asked, ``tell`` gets a sentence. Where a method shows training examples, of training questions
    only those of held-out databases can be asked. What is returned is of the databases of all ``asked``.

    Raises:
        LeakError: says how much of what is asked was learnt.
    """
    if shows_examples(method):
        _check_held_out(asked[:limit])
    seen: set[str] = set()
    adapters = [find_adapter(name) for name in method.adapters]
    for adapter in adapters:
        _check(adapter, asked[:limit], allowed, tell)
        learnt = {db_id.lower() for db_id in adapter.learnt_databases or ()}
        seen |= learnt & {example.question.db_id.lower() for example in asked}
    return Learnt(len(seen), ", ".join(adapter.name for adapter in adapters if adapter.learnt_databases is None))


def check_asked(method: Method, benchmark: Benchmark, *, allow_learnt: bool) -> None:
    """Make sure that a method can be asked all of a benchmark, before much else is done; see ``check_learnt``.

    Raises:
        LeakError: it cannot be asked that.
    """
    check_learnt(method, benchmark.examples, None, allowed=allow_learnt, tell=lambda _: None)


def shows_examples(method: Method) -> bool:
    """Tell whether a method's steps say that they need training examples; those of other packages may not say it."""
    try:
        method.build(Tools({}, None))
    except MethodError:  # a step says that it has no examples
        return True
    except SpiderOptError:
        raise
    except Exception:  # a step of another package may say it in other ways
        return False
    return False


def _check_held_out(asked: Sequence[Example]) -> None:
    for example in asked:
        question = example.question
        if is_training(question.id) and not is_held_out(question.db_id):
            raise LeakError(
                f"{question.id} is a training question, and this method shows examples of them: of training questions "
                f"ask only those of held-out databases, which {question.db_id} is not"
            )


def _check(adapter: Adapter, asked: Sequence[Example], allowed: bool, tell: Callable[[str], None]) -> None:
    learnt, questions = adapter.learnt_databases, adapter.learnt_questions
    name = repr(adapter.name)
    if learnt is None:
        tell(
            f"the card of the adapter {name} does not say which databases it learnt from: whether some of those asked "
            "about are among them is not known"
        )
    known = {db_id.lower() for db_id in learnt or ()}
    among = [example for example in asked if example.question.db_id.lower() in known]
    seen = dict.fromkeys(example.question.db_id for example in among)
    if seen and not allowed:
        of = f"{len(among):,} of the {len(asked):,} questions" if len(among) < len(asked) else "all questions"
        raise LeakError(
            f"The adapter {name} learnt from {_listed(list(seen))}, which {of} are about: what it gets right there "
            "says little about databases that it never saw. Ask others, or say that it is meant: "
            f"{switched_on('allow_learnt')}"
        )
    said = [example.question.id for example in asked if questions and question_hash(example.question.text) in questions]
    if said and not allowed:
        were = f"{len(said):,} questions that are asked were" if len(said) > 1 else "A question that is asked was"
        tell(f"{were} learnt word for word by the adapter {name}, maybe of other databases: {_listed(said)}")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")
