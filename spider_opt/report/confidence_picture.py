"""A run's confidence as a picture: is it what it says, and what is right of what is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spider_opt.analysis.confidence import Confidence
from spider_opt.report.picture import GREY, MODEL, TALK, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_IN = (9.0, 4.4)


def draw(found: Confidence) -> Figure:
    """Draw the reliability of each bin on the left, the precision at each coverage on the right.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(SIZE_IN, facecolor="white", layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        _reliability(left, found)
        _coverage(right, found)
        info = found.run.info
        figure.suptitle(f"{info.method}, {info.model or '-'}, {info.asked}, n={found.n}", color="black", fontsize=10)
    return figure


def _reliability(axes: Axes, found: Confidence) -> None:
    axes.plot((0, 100), (0, 100), color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate("as sure as right", (20, 20), (4, -12), textcoords="offset points", color=GREY)
    most = max(one.n for one in found.bins)
    for one in found.bins:
        x, y = 100 * one.confidence, 100 * one.right.value
        if one.right.low == one.right.low:
            axes.plot((x, x), (100 * one.right.low, 100 * one.right.high), color=MODEL, linewidth=1.3)
        axes.plot(x, y, "o", color=MODEL, markersize=4 + 9 * (one.n / most) ** 0.5)
    _frame(axes, f"confidence, %: {found.says}", "right, % (bar: 95 %)")
    axes.set(xlim=(-3, 103), ylim=(-3, 103))
    axes.text(0.02, 0.96, f"ECE {found.ece.value:.3f}   Brier {found.brier.value:.3f}", transform=axes.transAxes)


def _coverage(axes: Axes, found: Confidence) -> None:
    points = [(100 * coverage, 100 * precision) for coverage, precision, _ in found.curve]
    axes.plot(*zip(*points, strict=True), color=MODEL, linewidth=2, marker="o" if len(points) <= 20 else "")
    wanted = 100 * found.answered.wanted
    axes.axhline(wanted, color=TALK, linewidth=1, linestyle=(0, (4, 3)))
    if found.answered.n:
        share, hit = 100 * found.answered.share, found.answered.precision
        axes.plot(share, 100 * hit.value, "D", color=TALK, markersize=8)
        said = f"{share:.0f} % answered,\n{100 * hit.value:.1f} % right"
        axes.annotate(said, (share, 100 * hit.value), (8, 10), textcoords="offset points", color=TALK)
    axes.axhline(100 * found.right, color=GREY, linewidth=1)
    axes.annotate(
        "all answered", (100, 100 * found.right), (0, -12), textcoords="offset points", ha="right", color=GREY
    )
    _frame(axes, "answered, % (surest first)", "right of those, %")
    low = min(precision for _, precision in points)
    axes.set(xlim=(-3, 103), ylim=(max(-3, min(low, wanted) - 8), 103))
    axes.text(0.02, 0.03, f"AURC {found.aurc.value:.3f}", transform=axes.transAxes)


def _frame(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, color=GREY)
    axes.set_ylabel(y, color=GREY)
    axes.grid(color="#E3E3E3", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelcolor=GREY)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#B0B0B0")
