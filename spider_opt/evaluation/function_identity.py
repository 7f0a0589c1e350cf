"""What a function of one's own depends on, as a hash: so that a changed one is never given another's answers.

What is hashed is what runs, the compiled code and not its source: two lambdas on one line are two, a comment changes
nothing, and a file that was edited after it was loaded is not taken for what was. With it go defaults, annotations,
attributes and what the function reads from outside: globals and closures, and the functions, classes, objects and
modules of one's own project that it uses, and so on. Whatever is not read wholly on the way is unseen, and said to be.
What is installed counts by the files of its package, by those of the packages that it requires or imports, and by
settings in its modules. Under another version of Python, which compiles otherwise, each function is a new one.

Not covered: the environment, files, the clock, what a server does, what installed packages hold inside of themselves,
packages that they find by a name as they run or require as an extra, and what a large package, or one that is required,
imports without saying that it requires it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType

from spider_opt.evaluation.function_walk import Walk


@dataclass(frozen=True, slots=True)
class FunctionIdentity:
    """What a function was when this was made.

    ``code`` is a hash of what runs and of the constants that it reads, ``held`` of what is in lists, dicts and sets and
    in variables that it changes itself, ``attributes`` of those of objects; '' where there is nothing of the kind.
    ``unseen`` names what cannot be looked into, such as a client of a library.
    """

    code: str
    held: str = ""
    attributes: str = ""
    unseen: tuple[str, ...] = ()

    def text(self, *, named: bool) -> str:
        """Return it as it stands in a run; for a ``named`` function its name answers for attributes, too.

        >>> FunctionIdentity("12ab", "34cd", "56ef").text(named=True)
        '12ab.34cd'
        """
        parts = (self.code, self.held, "" if named or self.unseen else self.attributes)
        return ".".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class _Ran:
    owner: Callable[[], object]
    before: FunctionIdentity
    after: FunctionIdentity


_RAN: dict[int, _Ran] = {}


def identity_of(pipeline: Callable[..., object]) -> FunctionIdentity:
    """Return what a function, or an object that is called like one, depends on.

    As long as nobody else has changed it, it is what it was before it ran (see ``ended``): a list of its calls, say, is
    its own doing.
    """
    now = _now(pipeline)
    ran = _RAN.get(id(_owner(pipeline)))
    known = ran is not None and ran.owner() is _owner(pipeline)
    return ran.before if ran is not None and known and ran.after == now else now


def ended(pipeline: Callable[..., object], before: FunctionIdentity) -> None:
    """Note that a function has run that was ``before``."""
    owner = _owner(pipeline)
    key = id(owner)

    def forget(gone: object) -> None:
        _RAN.pop(key, None)

    try:
        reference = weakref.ref(owner, forget)
    except TypeError:  # such as a function of Python's own, which holds nothing
        return
    _RAN[key] = _Ran(reference, before, _now(pipeline))


def _now(pipeline: object) -> FunctionIdentity:
    walk = Walk(pipeline)
    return FunctionIdentity(walk.hash("code"), walk.hash("held"), walk.hash("attributes"), tuple(walk.unseen))


def _owner(pipeline: object) -> object:
    return pipeline.__self__ if type(pipeline) is MethodType else pipeline
