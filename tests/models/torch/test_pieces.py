"""A pack cut into pieces: each query once, and attention of them as with a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from spider_opt.models.torch.shared_prefix import laid, packed

if TYPE_CHECKING:
    import torch

NEEDS = ("torch",)


def a_pack(p: int) -> Any:
    rests = [[5 + i] * n for i, n in enumerate((3, 17, 8, 40))]
    return laid(packed([[1] * p + rest for rest in rests], [[7, 8]] * 4))


@pytest.mark.parametrize("p", [0, 1, 127, 128, 129, 300])
def test_each_token_is_in_one_piece(p: int) -> None:
    from spider_opt.models.torch.pieces import pieces

    pack = a_pack(p)
    found = list(pieces(pack))
    assert [i for piece in found for i in range(piece.start, piece.end)] == list(range(pack.ids.shape[1]))
    assert [piece.before for piece in found[-4:]] == [p] * 4
    assert all(piece.before == piece.start for piece in found[:-4])


@pytest.mark.parametrize(("dtype", "numbers"), [("float32", None), ("float32", "bfloat16"), ("bfloat16", None)])
@pytest.mark.parametrize("p", [0, 1, 300])
def test_result_and_gradients_are_those_with_a_mask(p: int, dtype: str, numbers: str | None) -> None:
    from spider_opt.models.torch.attention import attend, attend_masked

    torch.manual_seed(p)
    pack = a_pack(p)
    n = pack.ids.shape[1]
    full = [torch.randn(1, heads, n, 16) for heads in (4, 2, 2)]
    given = torch.randn(1, n, 4, 16)
    taken = []
    for how, kind in ((attend, getattr(torch, dtype)), (attend_masked, torch.float32)):
        q, k, v = (x.detach().to(kind).requires_grad_() for x in full)
        out = how(q, k, v, pack, 0.25, numbers and getattr(torch, numbers))
        taken.append((out, *torch.autograd.grad(out, (q, k, v), given.to(kind))))
    limit = 1e-5 if (dtype, numbers) == ("float32", None) else 0.02
    for found, expected in zip(*taken, strict=True):
        assert found.dtype == getattr(torch, dtype)
        assert (found.float() - expected).norm() <= limit * expected.norm()


def test_what_only_answers_attends_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from spider_opt.models.torch import attention

    pack = a_pack(20)
    q, k, v = (torch.randn(1, heads, pack.ids.shape[1], 16) for heads in (4, 2, 2))
    learning = attention.attend(q.clone().requires_grad_(), k, v, pack, 0.25)
    torch.testing.assert_close(attention.attend(q, k, v, pack, 0.25), learning.detach())
