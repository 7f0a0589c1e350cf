"""The adapters of a loop: its own under its name, those of its rounds and folds; of nobody else."""

from __future__ import annotations

import shutil

from spider_opt.errors import UsageError
from spider_opt.improving.plan import Plan
from spider_opt.improving.state import FILE as STATE
from spider_opt.improving.state import State, adapter_folders_of
from spider_opt.models.adapters import CARD, FILE, NEXT, Adapter, find_adapter, folder_for, write_learnt
from spider_opt.models.adapters import replace as replace_adapter
from spider_opt.models.lagging import CHECKPOINT
from spider_opt.training.job_state import held
from spider_opt.wording import argument


class LoopAdapters:
    """The adapters of the loop that is planned so and has come so far."""

    def __init__(self, plan: Plan, state: State) -> None:
        self._plan, self._state = plan, state

    def name_the_best(self) -> None:
        """Give the best adapter the loop's name, unless that is the one it began with; a kill leaves old or new.

        Raises:
            UsageError: another adapter has that name, or is where the best was.
        """
        plan, best = self._plan, self._state.best
        if plan.start is not None and best == plan.start.name:
            return
        source, target = self.known(best), folder_for(plan.name)
        self._check_named()
        if source.sha256 not in self._state.named:
            self._state.named.append(source.sha256)
            self._state.keep()
        target.mkdir(parents=True, exist_ok=True)
        with held(target):
            shutil.copyfile(source.folder / FILE, target / NEXT)
            write_learnt(target, source.learnt_questions)
            replace_adapter(target, {**source.card, "name": plan.name})

    def check(self) -> None:
        """Make sure that the adapters of this name are the loop's, and that the best so far is there.

        Raises:
            UsageError: another one is in the place of one of them, or the best is gone.
        """
        plan, state = self._plan, self._state
        if plan.start is not None and (plan.start.name == plan.name or plan.start.name.startswith(f"{plan.name}.")):
            raise UsageError(
                f"the loop begins with {plan.start.name}, and must be called otherwise: {argument('name')}"
            )
        if (plan.folder / STATE).exists():
            if state.best:
                self.known(state.best)
            self._check_named()
            return
        here = [name for name in adapter_folders_of(plan.name) if folder_for(name).is_dir()]
        if here:
            raise there_is(here[0])

    def known(self, name: str) -> Adapter:
        """Return an adapter of the loop, or the one that it began with, and make sure that it is still the same.

        Raises:
            UsageError: it is not.
        """
        adapter, start = find_adapter(name), self._plan.start
        known = start.sha256 if start is not None and name == start.name else self._state.tuned.get(name)
        if adapter.sha256 != known:
            raise UsageError(
                f"the adapter {name} is another one than this loop tuned: another loop or training has its name; "
                f"begin another with another {argument('name')}"
            )
        return adapter

    def _check_named(self) -> None:
        """Make sure that an adapter of the loop's own name, if there is one, is of this loop."""
        name = self._plan.name
        folder = folder_for(name)
        is_there = (folder / CARD).is_file()
        if (folder / CHECKPOINT).exists() or (is_there and find_adapter(name).sha256 not in self._state.named):
            raise there_is(name)


def there_is(name: str) -> UsageError:
    """Return what to say of an adapter that has a name which the loop wants."""
    return UsageError(
        f"There is an adapter {name!r} already, of another training or loop: give another {argument('name')}, or "
        f"remove it with: spider-opt models remove {name}"
    )
