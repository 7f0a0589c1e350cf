"""Scorers by name: ours in a table, those of installed packages by their entry points.

A scorer of another package is a function of ``(gold: str, prediction: str, database: ScoredDatabase) -> Verdict``,
named by an entry point of the group ``spider_opt.scorers``::

    [project.entry-points."spider_opt.scorers"]
    same-rows = "my_package:same_rows"

It is found by that name wherever a metric is asked for, runs in the processes that hold the databases, and gives a
number by ``Verdict(…, value=0.5)``. Our own names cannot be taken.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from spider_opt.errors import ScorerError
from spider_opt.plugins import Names, code_in, package_of
from spider_opt.scoring.protocols import Scorer

SCORERS = {
    "official": "spider_opt.scoring.official:official",
    "official-distinct": "spider_opt.scoring.official:official_distinct",
    "official-plug-value": "spider_opt.scoring.suite:official_plug_value",
    "official-value-kept": "spider_opt.scoring.official:official_value_kept",
    "official-value-spaced": "spider_opt.scoring.official:official_value_spaced",
    "old-spider": "spider_opt.scoring.old_spider:old_spider",
    "strict": "spider_opt.scoring.strict:strict",
    "match": "spider_opt.scoring.exact_match:match",
    "bird": "spider_opt.scoring.bird:bird",
    "bird-f1": "spider_opt.scoring.bird:bird_f1",
    "r-ves": "spider_opt.scoring.bird_ves:r_ves",
    "columns": "spider_opt.scoring.columns:columns",
    "columns-earlier": "spider_opt.scoring.columns:columns_earlier",
    "suite": "spider_opt.scoring.suite:suite",
    "suite-distinct": "spider_opt.scoring.suite:suite_distinct",
    "suite-plug-value": "spider_opt.scoring.suite:suite_plug_value",
    "suite-distinct-plug-value": "spider_opt.scoring.suite:suite_distinct_plug_value",
}
SUITES = ("suite", "suite-distinct", "suite-plug-value", "suite-distinct-plug-value")
"""Those that judge on all databases of a suite."""
BY_RESULTS = ("columns", "columns-earlier")
"""Those of ours that can judge by a gold that is a result and not a query."""
END_AT_TAB = (
    "official", "official-distinct", "official-plug-value", "official-value-kept", "official-value-spaced",
    "old-spider", "match", *SUITES,
)  # fmt: skip
"""Those to which a line in a text file of predictions ends at its first tab, as to the official command line."""
WITHOUT_DISTINCT = (
    "official", "official-plug-value", "official-value-kept", "official-value-spaced", "match", "suite",
    "suite-plug-value",
)  # fmt: skip
"""Those to which DISTINCT does not count."""
TIMEOUT_S = 10.0
"""How long one query may take where nothing else is said."""
TIMEOUTS_S = {"bird": 30.0, "bird-f1": 30.0, "r-ves": 30.0, "columns": 60.0, "columns-earlier": 60.0}
"""The same for those that have it otherwise: BIRD's give that to both queries of a question together; Spider 2.0's
script names 60 s, and stops nothing."""
VERSION = "1"
"""Of our scorers; another one when any of them answers anew."""
ENTRY_POINTS = "spider_opt.scorers"
_NAMES = Names("scorer", SCORERS, ENTRY_POINTS, "spider-opt score --help", ScorerError, ours_stay=True)


def scorer_names() -> Mapping[str, tuple[str, ...]]:
    """Return the places (``module:attribute``) of all scorers by name."""
    return _NAMES.import_paths()


@cache
def find_scorer(name: str) -> Scorer:
    """Load a scorer by name. A package whose scorer is broken harms nobody who does not ask for it.

    Raises:
        ScorerError: there is no such scorer, two packages claim the name, or the scorer cannot be loaded or is none.
    """
    return cast(Scorer, _NAMES.load(name, check=_takes_a_pair)[1])


@cache
def scorer_version(name: str) -> str:
    """Return the version of a scorer: ours, or that of the package it comes from, with a hash of its code."""
    if name in SCORERS:
        return VERSION
    from importlib.metadata import entry_points

    version = next((point.dist.version for point in entry_points(group=ENTRY_POINTS, name=name) if point.dist), "")
    if not version:  # its package is not installed here
        return ""
    return f"{version} code {code_in(package_of(find_scorer(name)))}"


def timeout_for(name: str, timeout_s: float | None = None) -> float:
    """Return how long one query may take for a scorer, BIRD's both queries together; ``timeout_s`` is what was asked.

    >>> timeout_for("official"), timeout_for("bird"), timeout_for("bird", 5)
    (10.0, 30.0, 5)
    """
    return TIMEOUTS_S.get(name, TIMEOUT_S) if timeout_s is None else timeout_s


def _takes_a_pair(scorer: Any) -> None:
    try:
        inspect.signature(scorer).bind("gold", "prediction", "database")
    except TypeError:
        raise TypeError("it is no function of (gold, prediction, database)") from None
