"""Which instances are taken, of such as kill these and those mutants."""

from __future__ import annotations

import pytest

from spider_opt.suites.choosing import chosen
from spider_opt.suites.search import Instance


@pytest.mark.parametrize(
    ("killed", "most", "taken"),
    [
        ([], 3, []),
        ([0b1], 3, [0b1]),
        ([0b001, 0b011, 0b110], 1, [0b011]),
        ([0b001, 0b011, 0b110], 2, [0b011, 0b110]),
        ([0b0011, 0b1100, 0b0111, 0b1000], 2, [0b0111, 0b1100]),
        ([0b01, 0b11, 0b11, 0b10], 3, [0b11, 0b11, 0b01]),
        ([0b1] * 9, 7, [0b1] * 7),
    ],
)
def test_those_that_kill_most_that_is_left(killed, most, taken):
    assert [one.killed for one in chosen([Instance({}, bits) for bits in killed], most)] == taken
