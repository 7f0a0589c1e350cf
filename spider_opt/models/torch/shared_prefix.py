"""Schema packing: one beginning that many questions share, computed once for all of them.

A pack is one sequence: the tokens that its prompts begin with (the instruction and the schema), then for each
question the rest of its prompt and its answer. A question sees the beginning and itself, not its neighbours, and
its positions go on from the beginning. So the loss is that of the same examples one by one,
for a fraction of the tokens.

Source: packed sequences (Krell et al. 2021, arXiv:2107.02027), here with a beginning that all of them see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Pack:
    """Token ids of a pack.

    ``shared`` is what all its prompts begin with; ``rests`` what each goes on with, its answer included;
    ``answers`` where in each rest the answer begins, 1 or more.
    """

    shared: tuple[int, ...]
    rests: tuple[tuple[int, ...], ...]
    answers: tuple[int, ...]

    def __len__(self) -> int:
        """Return the number of tokens that are computed."""
        return len(self.shared) + sum(map(len, self.rests))

    @property
    def n_answer_tokens(self) -> int:
        """The number of tokens that the loss is over."""
        return sum(len(rest) - start for rest, start in zip(self.rests, self.answers, strict=True))


def packed(prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> Pack:
    """Put prompts and their answers into one pack.

    >>> packed([[1, 2, 3], [1, 2, 4, 5]], [[9], [8, 7]])
    Pack(shared=(1, 2), rests=((3, 9), (4, 5, 8, 7)), answers=(1, 2))
    """
    n = n_shared(prompts)
    return Pack(
        tuple(prompts[0][:n]),
        tuple((*prompt[n:], *answer) for prompt, answer in zip(prompts, answers, strict=True)),
        tuple(len(prompt) - n for prompt in prompts),
    )


def n_shared(prompts: Sequence[Sequence[int]]) -> int:
    """Count the tokens that all prompts begin with and go on after."""
    n = min(map(len, prompts)) - 1  # the last token of a prompt stays: the answer's first is predicted from it
    first = prompts[0]
    for prompt in prompts[1:]:
        n = next((i for i in range(n) if prompt[i] != first[i]), n)
    return n


@dataclass(frozen=True, slots=True)
class Laid:
    """A pack laid out for a model: T tokens, n rests, the longest of them L tokens long.

    ``ids`` and ``positions`` (1, T) int64; ``square`` (n, L) int64, where in T each rest's tokens stand, padded with
    the first of them; ``line`` (T - shared,) int64, the way back from the flattened square; ``sees`` (L, shared + L)
    float32, 0 where a rest's tokens attend to and -inf elsewhere; ``predicts`` and ``targets`` (n_answer_tokens,)
    int64, where in T an answer's token is predicted, and which it is. ``ends`` says where in T each rest ends.
    """

    n_shared: int
    ids: Tensor
    positions: Tensor
    square: Tensor
    line: Tensor
    sees: Tensor
    predicts: Tensor
    targets: Tensor
    ends: tuple[int, ...]


def laid(pack: Pack, device: Any = "cpu") -> Laid:
    """Lay a pack out."""
    import torch

    n_shared, width = len(pack.shared), max(map(len, pack.rests))
    ids, positions = list(pack.shared), list(range(n_shared))
    square: list[list[int]] = []
    line: list[int] = []
    predicts: list[int] = []
    targets: list[int] = []
    for row, (rest, answer) in enumerate(zip(pack.rests, pack.answers, strict=True)):
        start = len(ids)
        square.append([*range(start, start + len(rest)), *[start] * (width - len(rest))])
        line += range(row * width, row * width + len(rest))
        predicts += range(start + answer - 1, start + len(rest) - 1)
        targets += rest[answer:]
        ids += rest
        positions += range(n_shared, n_shared + len(rest))
    own = torch.full((width, width), float("-inf")).triu(1)

    def tensor(values: Sequence[object]) -> Tensor:
        return torch.tensor(values, device=device)

    return Laid(
        n_shared,
        tensor([ids]),
        tensor([positions]),
        tensor(square),
        tensor(line),
        torch.cat([torch.zeros(width, n_shared), own], dim=1).to(device),
        tensor(predicts),
        tensor(targets),
        tuple(accumulate(map(len, pack.rests), initial=n_shared))[1:],
    )
