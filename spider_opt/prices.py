"""What models cost: dollars per million tokens, from a dated file that users can put their own in front of."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from spider_opt.errors import UsageError
from spider_opt.rows import Row, csv_rows, name_of, read_text
from spider_opt.types import Usage

OURS = Path(__file__).with_name("prices.csv")
VARIABLE = "SPIDER_OPT_PRICES"
COLUMNS = ("model", "input", "cached", "output", "hosts", "as_of", "source")
NEEDED = ("model", "input", "output")
TOKENS = 1e6


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens of a ``model``: of prompts (``input``), their ``cached`` part, answers (``output``).

    Without ``cached`` that part costs what the rest does. The model's name may have ``*`` and ``?`` in it. ``hosts``
    are those of the endpoints where it costs that, none for all. ``as_of`` is the day on which ``source`` said so.
    """

    model: str
    input: float
    output: float
    cached: float | None = None
    hosts: tuple[str, ...] = ()
    as_of: str = ""
    source: str = ""

    def of(self, model: str, endpoint: str) -> bool:
        """Tell whether this is the price of a model at an endpoint, '' where that is not known."""
        if not fnmatchcase(model.lower(), self.model.lower()):
            return False
        return not self.hosts or (urlsplit(endpoint).hostname or "").lower() in self.hosts

    def dollars(self, usage: Usage) -> float:
        """Return what a usage costs, as far as the server told the tokens."""
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        fresh = usage.prompt_tokens - cached
        of_cached = self.input if self.cached is None else self.cached
        return (fresh * self.input + cached * of_cached + usage.completion_tokens * self.output) / TOKENS

    @property
    def most_input(self) -> float:
        """The most that a token of a prompt costs."""
        return max(self.input, self.cached or 0.0)

    @property
    def is_free(self) -> bool:
        """Whether nothing costs anything."""
        return self.most_input == self.output == 0

    def to_json(self) -> dict[str, Any]:
        """Return it as it is written down."""
        said = {name: getattr(self, name) for name in COLUMNS} | {"hosts": list(self.hosts)}
        return {name: value for name, value in said.items() if value not in (None, "", [])}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Price:
        """Read what ``to_json`` made.

        Raises:
            TypeError, ValueError: it is something else.
        """
        cached = said.get("cached")
        hosts = said.get("hosts", ())
        if not isinstance(hosts, list | tuple):
            raise TypeError(f"its hosts are {hosts!r}")
        return cls(
            str(said.get("model", "")), _dollars(said.get("input")), _dollars(said.get("output")),
            None if cached is None else _dollars(cached), tuple(map(str, hosts)), str(said.get("as_of", "")),
            str(said.get("source", "")),
        )  # fmt: skip

    def __str__(self) -> str:
        """Return where it is from.

        >>> str(Price("m", 1, 2, as_of="2026-05-26", source="https://example.org/prices")), str(Price("m", 1, 2))
        ('2026-05-26, https://example.org/prices', 'undated')
        """
        return ", ".join(filter(None, (self.as_of, self.source))) or "undated"


HERE = Price("*", 0.0, 0.0, 0.0, source="computed on this machine")
"""Of a model that is computed here: no dollars, whatever the electricity costs."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in order: the first that fits a model and its endpoint counts."""

    lines: tuple[Price, ...]

    def find(self, model: str, endpoint: str = "") -> Price | None:
        """Return what a model costs at an endpoint, None where that is not known.

        >>> Prices((Price("big-*", 2, 8),)).find("big-1").output, Prices(()).find("big-1")
        (8, None)
        """
        return next((price for price in self.lines if price.of(model, endpoint)), None)


def prices(given: str | Path | None = None) -> Prices:
    """Return the prices that count: those of a file that is given, else that ``SPIDER_OPT_PRICES`` names; then ours.

    Raises:
        UsageError: the file cannot be read, or is none of prices.
    """
    named = given or os.environ.get(VARIABLE) or None
    own = () if named is None else _read(Path(named).expanduser())
    return Prices((*own, *_ours()))


@cache
def _ours() -> tuple[Price, ...]:
    return _read(OURS)


def _read(path: Path) -> tuple[Price, ...]:
    def refuse(why: str) -> UsageError:
        said = why if why.startswith("line ") else f"it {why}"
        return UsageError(
            f"{path} is no file of prices: {said}; one is CSV with the columns {', '.join(COLUMNS)} (dollars per "
            "million tokens)"
        )

    rows = csv_rows(read_text(path, UsageError), lambda name: name in COLUMNS, refuse)
    return tuple(_line(row, refuse) for row in rows)


def _line(row: Row, refuse: Any) -> Price:
    if not isinstance(row.value, dict):
        raise refuse("has no header that names its columns")
    said = {name_of(name): str(value or "").strip() for name, value in row.value.items()}
    if unknown := [name for name in said if name not in COLUMNS]:  # "cache": its price would count as not given
        raise refuse(f'has a column "{unknown[0][:50]}", which is none of these')
    if lacking := [name for name in NEEDED if not said.get(name)]:
        raise refuse(f"has no {lacking[0]} on {row.place}")
    hosts = said.get("hosts", "").lower().split()
    if odd := next((host for host in hosts if set(host) & set("/,;") or host.count(":") == 1), None):
        raise refuse(
            f'says "{odd[:100]}" where names of hosts are due on {row.place}, with blanks between them and nothing '
            'about them: "api.openai.com", not "https://api.openai.com/v1"'
        )
    try:
        return Price.from_json({**said, "cached": said.get("cached") or None, "hosts": hosts})
    except (TypeError, ValueError) as error:
        raise refuse(f"says {error} on {row.place}") from error


def _dollars(said: object) -> float:
    try:
        value = float(said)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"{said!r} where a number of dollars is due") from None
    if isinstance(said, bool) or not isfinite(value) or value < 0:
        raise ValueError(f"{said!r} where a number of dollars is due, 0 or more")
    return value
