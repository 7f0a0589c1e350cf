from __future__ import annotations

import re
import struct
from dataclasses import replace
from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import pytest

from spider_opt.analysis.ablation import Line
from spider_opt.analysis.paired import Paired
from spider_opt.report.ladder import RUNGS, Ladder, Rung, System
from spider_opt.types import Usage

pytest.importorskip("matplotlib")

from spider_opt.report.picture import draw, spread, to_png, to_svg

NAN = float("nan")
SYSTEMS = tuple(System(f"DAIL-SQL, GPT-{i}", 972, ex, 1.5) for i, ex in enumerate((70.2, 76.1, 82.7, 83.2, 83.2, 83.8)))
TALK = (69.0, None, None, 82.0, None, 83.5)
CLIMB = (48.8, 64.4, 64.7, 70.6, 73.9, 77.2)


def ladder(*exs: float | None, **changes: Any) -> Ladder:
    """Return a ladder of rungs with these accuracies, None for one that was not run."""
    rungs: list[Rung] = []
    below = None
    names = changes.pop("names", [name for name, _ in RUNGS])
    for name, talk, ex in zip(names, changes.pop("talk", TALK), exs, strict=False):
        line = None
        if ex is not None:
            gain = None if below is None else Paired(972, ex - below, NAN, NAN, 1, 1, 1.0)
            line, below = Line(name, "m", name, "c", 972, ex, changes.get("se", 1.9), Usage(), gain), ex
        rungs.append(Rung(name, name, talk, None, line))
    systems = changes.get("systems", SYSTEMS)
    return Ladder(changes.get("model", "qwen2.5-coder-0.5b"), "spider dev", "official v1", tuple(rungs), systems)


def texts(figure: Any) -> list[Any]:
    from matplotlib.text import Text

    figure.canvas.draw()
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def written(figure: Any) -> list[str]:
    return [text.get_text() for text in texts(figure)]


# --- what is shown -----------------------------------------------------------------------------


def test_all_that_there_is_to_see() -> None:
    shown = written(draw(ladder(*CLIMB)))
    for expected in ("48.8", "64.4", "+15.6", "+0.3", "77.2", "69", "82", "83.5", "prompt", "+ RAG", "fine-tune\n+ RAG",
                     "qwen2.5-coder-0.5b", "OpenAI's talk,\n2023", "83.8 ± 1.5  DAIL-SQL, GPT-5"):  # fmt: skip
        assert shown.count(expected) == 1, expected
    assert any("n = 972" in text for text in shown)
    assert "execution accuracy on Spider dev, %" in shown
    assert "not run" not in shown


def test_a_rung_that_was_not_run_leaves_a_gap_where_the_talk_has_a_figure() -> None:
    shown = written(draw(ladder(48.8, None, 64.7, None, None, None)))
    assert shown.count("not run") == 2
    assert "+ repair" not in shown
    assert {"82", "83.5"} <= set(shown)


def test_without_talk_and_systems() -> None:
    shown = written(draw(ladder(50.0, 60.0, talk=(None, None), systems=())))
    assert {"50.0", "60.0", "+10.0"} <= set(shown)
    assert not [text for text in shown if "talk" in text or "published" in text]


def test_positions_are_the_values() -> None:
    figure = draw(ladder(*CLIMB))
    points = {
        (float(x), round(float(y), 1))
        for line in figure.axes[0].lines
        if line.get_marker() in ("o", "D")
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }
    assert points == {*enumerate(CLIMB), *((i, talk) for i, talk in enumerate(TALK) if talk)}


# --- how it looks ------------------------------------------------------------------------------

LONG = ("fewshot:k=3,schemas=yes+retry:k=2,empty=yes", "hyde+vote:n=8+zero-shot", *"abcdefgh")
HOSTILE: dict[str, Ladder] = {
    "as hoped": ladder(*CLIMB),
    "above the talk": ladder(70.0, 75.0, 80.0, 85.0, 88.0, 91.0),
    "on the talk": ladder(69.0, 73.0, 78.0, 82.0, 82.5, 83.5, systems=()),
    "all the same": ladder(*[50.0] * 6),
    "from nothing to all": ladder(0.0, 0.0, 100.0, 0.0, 100.0, 100.0, se=0.0),
    "down": ladder(99.0, 80.0, 60.0, 40.0, 20.0, 1.0),
    "one rung": ladder(50.0, se=NAN, systems=()),
    "only the last": ladder(None, None, None, None, None, 77.0, model="m"),
    "a name too long": ladder(48.8, 49.0, 49.1, 49.0, None, None, model="somebody/some-model-" + "x" * 80),
    "large errors": ladder(*CLIMB, se=14.0),
    "ten rungs with options": ladder(*range(40, 60, 2), names=LONG, talk=[69.0, *[None] * 8, 82.0]),
    "many systems": ladder(*CLIMB, systems=tuple(System(f"a rather long name {i}", 9, 80.0, 1) for i in range(25))),
    "signs that mean something elsewhere": ladder(50.0, 60.0, names=("$x_1$", "<&>"), model="a$b_{c$"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_words_cover_others_or_leave_the_picture(name: str) -> None:
    figure = draw(HOSTILE[name])
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure)]
    assert len(boxes) > 5
    assert not [(a, b) for (a, box), (b, other) in combinations(boxes, 2) if box.overlaps(other)]
    width, height = figure.bbox.width, figure.bbox.height
    outside = [a for a, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height]
    assert not outside


def test_letters_can_be_read_in_a_readme() -> None:
    figure = draw(ladder(*CLIMB))
    assert figure.get_figwidth() == 8
    assert min(text.get_fontsize() for text in texts(figure)) >= 9
    assert figure.get_facecolor() == (1.0, 1.0, 1.0, 1.0)


def test_marks_are_spread_as_little_as_can_be() -> None:
    assert spread([], 1.0) == []
    assert spread([5.0], 1.0) == [5.0]
    assert spread([1.0, 5.0, 9.0], 2.0) == [1.0, 5.0, 9.0]
    assert spread([5.0, 5.0, 5.0], 2.0) == [3.0, 5.0, 7.0]
    assert spread([1.0, 5.0, 5.0, 6.0, 20.0], 2.0) == pytest.approx([1.0, 10 / 3, 16 / 3, 22 / 3, 20.0])


# --- files -------------------------------------------------------------------------------------


def test_svg_is_the_same_every_time() -> None:
    first, second = (to_svg(draw(ladder(*CLIMB))) for _ in range(2))
    assert first == second
    assert to_svg(draw(ladder(48.9, *CLIMB[1:]))) != first
    assert not re.search(r"<dc:date>|matplotlib v|[ \t]$", first, re.MULTILINE)
    assert ElementTree.fromstring(first).tag == "{http://www.w3.org/2000/svg}svg"
    assert len(first) < 300_000


def test_png_is_twice_the_size_it_is_shown_with() -> None:
    data = to_png(draw(ladder(*CLIMB)))
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (1600, 920)
    assert len(data) < 300_000


def test_a_users_own_style_changes_nothing() -> None:
    import matplotlib

    plain = to_svg(draw(ladder(*CLIMB)))
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "figure.dpi": 300, "axes.facecolor": "black"}):
        assert to_svg(draw(ladder(*CLIMB))) == plain


def test_another_models_points_stand_beside_with_their_numbers_and_its_name() -> None:
    other = ladder(None, None, None, 79.1, 81.3, 81.4, model="qwen2.5-coder-1.5b", systems=())
    alone, both = draw(ladder(*CLIMB)), draw(replace(ladder(*CLIMB), beside=(other,)))
    assert {"79.1", "81.3", "81.4", "qwen2.5-coder-1.5b"} <= set(written(both)) - set(written(alone))
    assert set(written(alone)) <= set(written(both))
    low, high = both.axes[0].get_ylim()
    assert low < 48.8 < 83.5 < high
