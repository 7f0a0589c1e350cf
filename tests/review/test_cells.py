from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from spider_opt.review.cells import live, plain, still

TEXT = st.text(alphabet="=+-@'\" ;\t\nabc\uff1d", max_size=12) | st.text()


@given(TEXT)
def test_what_is_made_still_is_read_back(text: str) -> None:
    assert live(still(text)) == text


@given(TEXT)
def test_no_cell_begins_as_a_formula(text: str) -> None:
    for begun in re.split(r"[;\t\n]", still(text)):
        assert not re.match(r"[ ]*[=+\-@\uff1d\uff0b\uff0d\uff20]", begun), begun


@given(st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=50))
def test_what_is_shown_can_be_written(text: str) -> None:
    shown = plain(text)
    shown.encode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\ufffe\uffff]", shown)


def test_long_text_is_cut_and_says_so() -> None:
    assert plain("x" * 100_000) == "x" * 10_000 + "… (100,000 characters in all)"
