"""What messages call that which was given: an argument to who calls from Python, an option to who types in a shell.

The command line says once that it speaks to a shell (``in_shell``); a message asks here for its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_shell = False  # of the whole process: a command's threads speak as it does


@contextmanager
def in_shell() -> Iterator[None]:
    """Until the end of the block, messages are for somebody who types commands."""
    global _shell
    before, _shell = _shell, True
    try:
        yield
    finally:
        _shell = before


def either(python: str, shell: str) -> str:
    """Return the words for whoever is spoken to."""
    return shell if _shell else python


def to_python() -> bool:
    """Tell whether whoever is spoken to calls from Python: a command shows by itself what a function must say."""
    return not _shell


def argument(name: str, value: str = "", *, option: str = "") -> str:
    """Return what an argument is called, with a value for it where there is one to give.

    ``option`` is what it is called in a shell where that is not its own name.

    >>> argument("base_url", "URL"), argument("out")
    ('base_url=URL', 'out')
    >>> with in_shell():
    ...     argument("base_url", "URL"), argument("timeout_s", option="--timeout")
    ('--base-url URL', '--timeout')
    """
    option = option or _option(name)
    return either(f"{name}={value}" if value else name, f"{option} {value}".rstrip())


def switched_on(name: str) -> str:
    """Return how something is said that is off without it: ``every=True``, or ``--every``."""
    return either(f"{name}=True", _option(name))


def counted(n: int, one: str, several: str = "") -> str:
    """Return a number with what it counts, in the singular or the plural.

    >>> counted(1, "model call"), counted(0, "model call"), counted(1200, "query", "queries")
    ('1 model call', '0 model calls', '1,200 queries')
    """
    return f"{n:,} {one if n == 1 else several or f'{one}s'}"


def listed(names: Iterable[str], most: int = 6) -> str:
    """Return names for a sentence, of many the first.

    >>> listed("abc"), listed("abcdefgh", most=3)
    ('a, b, c', 'a, b, c and 5 more')
    """
    every = list(names)
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more:,} more" if more > 0 else "")


def table_line(cells: Iterable[str]) -> str:
    r"""Return a line of a Markdown table; a cell that has lines, or bars, stays one.

    >>> table_line(["a|b", "c\nd", ""])
    '| a\\|b | c d |  |\n'
    """
    return f"| {' | '.join(' '.join(cell.splitlines()).replace('|', chr(92) + '|') for cell in cells)} |\n"


def _option(name: str) -> str:
    return f"--{name.removesuffix('_s').replace('_', '-')}"  # seconds are seconds to who types
