"""The talk's quadrant: how many points a model lacks by context, and how many by behaviour.

Source: "A Survey of Techniques for Maximizing LLM Performance" (OpenAI DevDay 2023): context optimisation against model
optimisation, with prompting in the corner, retrieval up one axis and tuning along the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spider_opt.analysis.diagnosis.standing import Standing
from spider_opt.report.picture import GREY, MODEL, TALK, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE_IN = (6.4, 5.6)
PALE = "#C9DCEB"
OPEN = "bar: where it may stand; ring: if what is wrong in form is behaviour"


def draw_quadrant(standing: Standing) -> Figure:
    """Draw where a model stands: a point where an oracle was asked, else where it may be.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(SIZE_IN, facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.12, 0.2, 0.84, 0.68))
        most = max(1.0, 1.08 * standing.lost)
        axes.set_xlim(0, most)
        axes.set_ylim(0, most)
        axes.axhline(most / 2, color="#E3E3E3", zorder=0)
        axes.axvline(most / 2, color="#E3E3E3", zorder=0)
        for x, y, text in (
            (0.02, 0.02, "good prompts suffice"),
            (0.02, 0.96, "context: retrieve"),
            (0.98, 0.12, "behaviour: tune,\nchoose, a larger model"),
            (0.98, 0.96, "both: tune and retrieve"),
        ):
            axes.text(
                x, y, text, transform=axes.transAxes, color=GREY, ha="left" if x < 0.5 else "right",
                va="bottom" if y < 0.5 else "top",
            )  # fmt: skip
        (_, right), (low, high) = standing.behaviour, standing.context
        told = standing.lost - standing.neither
        axes.plot([0, told], [told, 0], color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        if standing.is_known:
            axes.plot([right], [high], marker="o", markersize=11, color=MODEL)
        else:
            axes.plot([told - high, told - low], [high, low], color=PALE, linewidth=9, solid_capstyle="round", zorder=1)
            at = told - standing.database, standing.database
            axes.plot(*([x] for x in at), marker="o", markersize=11, markerfacecolor="white", color=MODEL)
        axes.set_xlabel("points lost by behaviour (shown what it needs, and wrong)")
        axes.set_ylabel("points lost by context (not shown what it needs)")
        axes.spines[["top", "right"]].set_visible(False)
        figure.text(0.12, 0.95, standing.title, fontsize=10, fontweight="bold", va="top")
        figure.text(0.12, 0.02, standing.next_text, fontsize=8.5, color=TALK, va="bottom", wrap=True)
        where = "dot: by the oracle" if standing.is_known else OPEN
        figure.text(
            0.12, 0.905, f"{where}; dashed: the {told:.1f} points lost to the two", fontsize=7.5, color=GREY, va="top"
        )
    return figure
