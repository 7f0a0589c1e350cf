"""Attention over a pack, in its two parts, is attention with a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spider_opt.models.torch.shared_prefix import laid, packed

if TYPE_CHECKING:
    import torch

NEEDS = ("torch",)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("p", [0, 1, 300])
def test_attention_in_parts_is_attention_with_a_mask(kv_heads: int, p: int) -> None:
    from spider_opt.models.torch.attention import attend, attend_masked

    rests = [[5 + i] * n for i, n in enumerate((3, 17, 8, 40))]
    pack = laid(packed([[1] * p + rest for rest in rests], [[7, 8]] * 4))
    n = pack.ids.shape[1]
    q, k, v = (torch.randn(1, heads, n, 16, requires_grad=True) for heads in (4, kv_heads, kv_heads))
    given = torch.randn(1, n, 4, 16)
    found, expected = (f(q, k, v, pack, 0.25) for f in (attend, attend_masked))
    torch.testing.assert_close(found, expected)
    for one, other in zip(*(torch.autograd.grad(out, (q, k, v), given) for out in (found, expected)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_attention_on_a_gpu_is_torchs_own() -> None:
    from spider_opt.models.torch.attention import with_mask

    q, k, v = (torch.randn(3, 2, n, 16, requires_grad=True) for n in (8, 12, 12))
    sees = torch.full((4, 4), float("-inf")).triu(1)
    sees = torch.cat([torch.zeros(4, 8), sees], dim=1).repeat(2, 1)
    found = with_mask(q, k, v, sees, 0.25)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=sees, scale=0.25)
    torch.testing.assert_close(found, expected)
    rounded = with_mask(*(x.bfloat16() for x in (q, k, v)), sees, 0.25)
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), expected, rtol=0.02, atol=0.02)
