"""In which numbers a model is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import torch

NEEDS = ("torch",)


@pytest.mark.parametrize("fastest", ["float32", "bfloat16", "int8"])
def test_the_fastest_is_chosen(fastest: str) -> None:
    from spider_opt.models.torch.compute import chosen_compute

    expected = {"float32": (torch.float32, False), "bfloat16": (torch.bfloat16, False), "int8": (torch.float32, True)}
    assert chosen_compute("auto", "cpu", lambda name: 0.5 if name == fastest else 1.0) == expected[fastest]
    assert chosen_compute(fastest, "cuda") == expected[fastest]


def test_a_gpu_takes_bfloat16_untimed() -> None:
    from spider_opt.models.torch.compute import chosen_compute

    def never(name: str) -> float:
        raise AssertionError(name)

    assert chosen_compute("auto", "cuda", never) == (torch.bfloat16, False)


def test_this_processor_is_timed() -> None:
    from spider_opt.models.torch.compute import chosen_compute

    before = torch.get_num_threads()
    assert chosen_compute("auto", "cpu") in [(torch.float32, False), (torch.bfloat16, False), (torch.float32, True)]
    assert torch.get_num_threads() == before
