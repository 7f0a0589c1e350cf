"""The ladder as a staircase."""

from __future__ import annotations

import io
import itertools
import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from spider_opt.report.ladder import Ladder, Rung
from spider_opt.report.table import signed, with_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation

    from spider_opt.analysis.ablation import Line

# Okabe and Ito's colours: who can't see red or green tells them apart too.
MODEL, TALK, GREY = "#0072B2", "#D55E00", "#595959"
BESIDE = ("#007A5A", "#8F5B00", "#A0468C")
"""Of other models' points: darker than in that palette, so that numbers in these colours can be read."""
SIZE_IN = (8.0, 4.6)
LEFT_IN, RIGHT_IN, TOP_IN, SYSTEMS_IN = 0.62, 0.12, 0.1, 2.2
LINE_IN, STAIR_IN = 0.165, 0.84
MAX_LINE, MAX_NAME, MAX_SYSTEM = 14, 40, 17
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters everywhere
    "font.size": 9,
    "text.parse_math": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "spider-opt",
}


def draw(ladder: Ladder) -> Figure:
    """Draw the rungs as stairs, other models' as points, the talk's as a line, and systems as marks at the right edge.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rungs = [
        rung
        for i, rung in enumerate(ladder.rungs)
        if rung.line or rung.talk or any(other.rungs[i].line for other in ladder.beside)
    ]
    names = [_wrapped(rung.name) for rung in rungs]
    bottom = LINE_IN * (1.9 + max(name.count("\n") + 1 for name in names))
    right = RIGHT_IN + (SYSTEMS_IN if ladder.systems else 0)
    width = max(SIZE_IN[0], LEFT_IN + STAIR_IN * len(rungs) + right)
    height = max(SIZE_IN[1], bottom + LINE_IN * (len(ladder.systems) + 2))
    with styled():
        figure = Figure((width, height), facecolor="white")
        FigureCanvasAgg(figure)
        size = (1 - (LEFT_IN + right) / width, 1 - (bottom + TOP_IN) / height)
        axes = figure.add_axes((LEFT_IN / width, bottom / height, *size))
        _frame(axes, ladder, rungs, names)
        _stairs(axes, rungs)
        _talk(axes, rungs)
        _beside(axes, ladder, rungs)
        _name_series(axes, ladder, rungs)
        _systems(axes, ladder)
    return figure


def to_svg(figure: Figure) -> str:
    """Return the picture as SVG: the same text for the same ladder, letters drawn as shapes."""
    text = io.StringIO()
    with styled():
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def to_png(figure: Figure) -> bytes:
    """Return the picture as PNG, with twice the pixels that it is shown with."""
    data = io.BytesIO()
    with styled():
        figure.savefig(data, format="png", dpi=200, metadata={"Software": None})
    return data.getvalue()


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Return positions at least ``gap`` apart, as near as can be to those ``wanted``, which ascend.

    Source: pool adjacent violators, on each position less the room of those below it.

    >>> spread([1.0, 2.0, 10.0], 3.0)
    [0.0, 3.0, 10.0]
    """
    pools: list[tuple[float, int]] = []
    for i, position in enumerate(wanted):
        mean, n = position - i * gap, 1
        while pools and pools[-1][0] >= mean:
            other, m = pools.pop()
            mean, n = (mean * n + other * m) / (n + m), n + m
        pools.append((mean, n))
    means = [mean for mean, n in pools for _ in range(n)]
    return [mean + i * gap for i, mean in enumerate(means)]


@contextmanager
def styled() -> Iterator[None]:
    """Draw in our own style, whatever the user's is."""
    from matplotlib import style

    with style.context(STYLE, after_reset=True):
        yield


def _wrapped(name: str) -> str:
    r"""Return a rung's name, which may be a method's text, in lines that fit below a stair.

    >>> _wrapped("fine-tune + RAG"), _wrapped("retry:k=2,empty=yes+zero-shot")
    ('fine-tune\n+ RAG', 'retry:k=2,\nempty=yes\n+zero-shot')
    """
    lines: list[str] = []
    for piece in re.split(r"(?<=[:,])|\s?(?=\+)", name):
        if lines and not piece.startswith("+") and len(lines[-1] + piece) <= MAX_LINE:
            lines[-1] += piece
        else:
            lines.append(piece)
    wrap = partial(textwrap.wrap, width=MAX_LINE, break_on_hyphens=False)
    return "\n".join(part for line in lines for part in wrap(line))


def _frame(axes: Axes, ladder: Ladder, rungs: Sequence[Rung], names: Sequence[str]) -> None:
    values = [system.ex for system in ladder.systems] + [figure for _, figure in _talk_points(rungs)]
    drawn = [rung for each in (ladder, *ladder.beside) for rung in each.rungs]
    values += [line.ex + side * _error(line) for rung in drawn if (line := rung.line) for side in (-1, 1)]
    low, high = min(values), max(values)
    room = max(high - low, 20.0)
    low, high = low - 0.25 * room, high + 0.2 * room
    axes.set(xlim=(-0.5, len(rungs) - 0.5), ylim=(low, high))
    axes.set_xticks(range(len(rungs)), names)
    axes.set_yticks([tick for tick in range(0, 101, 10) if low <= tick <= high])
    axes.set_ylabel(f"execution accuracy on {ladder.benchmark[0].upper()}{ladder.benchmark[1:]}, %", color=GREY)
    axes.grid(axis="y", color="#E3E3E3", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelcolor=GREY)
    axes.tick_params(axis="x", labelcolor="black")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#B0B0B0")
    asked = max(rung.line.n for rung in rungs if rung.line)
    note = f"n = {asked:,}. Bars and ±: standard error. +: points over the rung below."
    assert axes.figure is not None
    axes.figure.text(0.985, 0.012, note, ha="right", va="bottom", color=GREY)


def _stairs(axes: Axes, rungs: Sequence[Rung]) -> None:
    before = None
    for i, rung in enumerate(rungs):
        if (line := rung.line) is None:
            axes.text(i, 0.01, "not run", ha="center", color=GREY, transform=axes.get_xaxis_transform())
            before = None
            continue
        if before is not None:
            axes.plot((i - 0.5, i - 0.5), (before, line.ex), color=MODEL, linewidth=1)
        axes.plot((i - 0.5, i + 0.5), (line.ex, line.ex), color=MODEL, linewidth=2.5, solid_capstyle="butt")
        axes.errorbar(i, line.ex, _error(line), color=MODEL, marker="o", markersize=6, capsize=3, linewidth=1.3)
        side = _side(rungs, i)
        at = (i, line.ex + side * _error(line))
        gain = line.against and signed(line.against.change)
        if gain:
            _label(axes, at, side, gain, 5 if side > 0 else 19, color=GREY)
        offset = 17 if gain and side > 0 else 5
        _label(axes, at, side, f"{line.ex:.1f}", offset, color=MODEL, fontsize=11, fontweight="bold")
        before = line.ex


def _talk(axes: Axes, rungs: Sequence[Rung]) -> None:
    if not (points := _talk_points(rungs)):
        return
    axes.plot(*zip(*points, strict=True), color=TALK, marker="D", markersize=6, linewidth=1.3, linestyle=(0, (4, 3)))
    for i, figure in points:
        _label(axes, (i, figure), -_side(rungs, i), f"{figure:g}", 6, color=TALK, fontsize=11, fontweight="bold")


def _beside(axes: Axes, ladder: Ladder, rungs: Sequence[Rung]) -> None:
    """Draw what other models come to on these rungs, each number to the right of its point."""
    places = {rung.name: i for i, rung in enumerate(rungs)}
    for other, color in zip(ladder.beside, itertools.cycle(BESIDE), strict=False):
        points = [(places[rung.name], rung.line) for rung in other.rungs if rung.line and rung.name in places]
        axes.plot([i for i, _ in points], [line.ex for _, line in points], color=color, linewidth=0.8)
        for i, line in points:
            axes.errorbar(i, line.ex, _error(line), color=color, marker="s", markersize=6, capsize=3, linewidth=1.3)
            axes.annotate(
                f"{line.ex:.1f}", (i, line.ex), (7, 0), textcoords="offset points", va="center", color=color,
                fontsize=11, fontweight="bold", path_effects=_halo(),
            )  # fmt: skip


def _name_series(axes: Axes, ladder: Ladder, rungs: Sequence[Rung]) -> None:
    """Write each series' name at its beginning, where there is room for it."""
    i, line = next((i, rung.line) for i, rung in enumerate(rungs) if rung.line)
    side = _side(rungs, i)
    named = [(i, line.ex + side * _error(line), side, _short(ladder.model, MAX_NAME), MODEL)]
    for j, figure in _talk_points(rungs)[:1]:
        named.append((j, figure, -_side(rungs, j), "OpenAI's talk,\n2023", TALK))
    places = {rung.name: i for i, rung in enumerate(rungs)}
    for other, color in zip(ladder.beside, itertools.cycle(BESIDE), strict=False):
        first = next(rung for rung in other.rungs if rung.line and rung.name in places)
        assert first.line
        named.append((places[first.name], first.line.ex + _error(first.line), 1, _short(other.model, MAX_NAME), color))
    for position, ex, side, name, color in named:
        label = _label(axes, (position - 0.46, ex), side, name, 21, color=color, fontweight="bold", ha="left")
        _move_clear(axes, label, side)


def _systems(axes: Axes, ladder: Ladder) -> None:
    if not ladder.systems:
        return
    low, high = axes.get_ylim()
    box = axes.get_window_extent()
    assert axes.figure is not None
    width_in, height_in = box.width / axes.figure.dpi, box.height / axes.figure.dpi
    gap = LINE_IN * (high - low) / height_in
    at = axes.get_yaxis_transform()  # x in widths of the axes, y in data
    places = spread([system.ex for system in ladder.systems], gap)
    places = [min(place, high - (len(places) - i) * gap) for i, place in enumerate(places)]
    mark, bend, text = (1 + inches / width_in for inches in (0.12, 0.3, 0.35))
    for system, place in zip(ladder.systems, places, strict=True):
        style: dict[str, Any] = {"color": GREY, "transform": at, "clip_on": False}
        axes.plot((1, mark), (system.ex, system.ex), linewidth=1.6, **style)
        axes.plot((mark, bend), (system.ex, place), linewidth=0.6, **style)
        said = f"{with_error(system.ex, system.ex_se)}  {_short(system.name, MAX_SYSTEM)}"
        axes.text(text, place, said, va="center", color=GREY, transform=at)
    axes.text(text, places[-1] + gap, "published systems", va="center", color=GREY, fontweight="bold", transform=at)


def _label(
    axes: Axes, xy: tuple[float, float], side: int, text: str, offset: float, ha: str = "center", **style: Any
) -> Annotation:
    """Write a text ``offset`` points above (``side`` 1) or below (-1) a point."""
    va = "bottom" if side > 0 else "top"
    return axes.annotate(
        text, xy, (0, side * offset), textcoords="offset points", ha=ha, va=va, path_effects=_halo(), **style
    )


def _halo() -> list[Any]:
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=2.5, foreground="white")]


def _move_clear(axes: Axes, label: Annotation, side: int) -> None:
    """Move a label on, up (``side`` 1) or down (-1), until it covers no other."""
    boxes = [text.get_window_extent() for text in axes.texts if text is not label]
    while any(label.get_window_extent().overlaps(box) for box in boxes):
        x, y = label.xyann
        label.xyann = (x, y + side)


def _side(rungs: Sequence[Rung], i: int) -> int:
    """Return where a rung's own label stands, above (1) or below (-1): away from the talk, whose label is opposite."""
    import numpy as np

    line, points = rungs[i].line, _talk_points(rungs)
    talk = np.interp(i, [at for at, _ in points], [figure for _, figure in points]) if points else 0
    return 1 if line and line.ex >= talk else -1


def _error(line: Line) -> float:
    return 0.0 if math.isnan(line.ex_se) else line.ex_se


def _talk_points(rungs: Sequence[Rung]) -> list[tuple[int, float]]:
    return [(i, rung.talk) for i, rung in enumerate(rungs) if rung.talk]


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
