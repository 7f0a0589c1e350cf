"""What is generated into the documents: a function for the name of each block."""

from __future__ import annotations

from collections.abc import Callable

from blocks.commands import help_pages
from blocks.methods import methods
from blocks.results import ablation, every_metric, ladder, leaderboard, short_ladder
from blocks.rooms import layers, rooms
from blocks.tables import benchmarks, scorers

BLOCKS: dict[str, Callable[[], str]] = {
    "help": help_pages,
    "methods": methods,
    "scorers": scorers,
    "benchmarks": benchmarks,
    "ladder": ladder,
    "short-ladder": short_ladder,
    "leaderboard": leaderboard,
    "every-metric": every_metric,
    "ablation": ablation,
    "rooms": rooms,
    "layers": layers,
}
