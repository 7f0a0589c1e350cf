"""Many prompts answered side by side by a model that is tuned, or being tuned.

What the prompts begin with, a schema, is computed once and attended to by all of them; then a step computes one token
for each row, so that the weights are read once for all of them. Answers to one prompt are one row until they differ:
samples of a model that is sure of itself cost little more than one answer. Rows that are complete leave the batch.

Source: Juravsky et al. 2024 (Hydragen, arXiv:2402.05099), attention over a shared prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spider_opt.models.torch.attention import attend, joined, own_cache, shared_part
from spider_opt.models.torch.batching import Said
from spider_opt.models.torch.constraints import Rule, forbid
from spider_opt.models.torch.lora import logits
from spider_opt.models.torch.shared_prefix import Laid, Pack, laid, packed

if TYPE_CHECKING:
    from transformers import PreTrainedModel


_ROOM = 32
"""Tokens that there is room for before rows have to be copied; what is there is copied where rows part or end, too."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One answer to the ``prompt``-th of some prompts: the likeliest tokens, or at a ``temperature`` drawn by ``seed``.

    With a ``rule`` only what this allows. What is drawn depends on the seed and the prompt, not on the answers beside
    it, but for what rounding decides.
    """

    prompt: int
    temperature: float = 0.0
    seed: int = 0
    rule: Rule | None = None


class Decoder:
    """Answers of a model that attends as packs do (``models.torch.base``); ``stops`` are the tokens that end one."""

    def __init__(self, model: PreTrainedModel, stops: Sequence[int]) -> None:
        self._model = model
        self._stops = frozenset(stops)
        self._device = next(model.parameters()).device

    def decode(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        max_tokens: int,
        draws: Sequence[Draw] | None = None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> list[list[int]]:
        """Return the answers' tokens, at most ``max_tokens`` each and without the one that ends it.

        There is one answer for each of ``draws``, by default the likeliest one to each prompt. As soon as ``wanted``,
        asked before each token, says no, they end as they are.
        """
        return [said.tokens for said in self.answers(prompts, max_tokens=max_tokens, draws=draws, wanted=wanted)]

    def answers(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        max_tokens: int,
        draws: Sequence[Draw] | None = None,
        wanted: Callable[[], bool] = lambda: True,
        logprobs: bool = False,
    ) -> list[Said]:
        """Return the answers of ``decode``, each with its tokens' mean log probability if ``logprobs``.

        That is the model's own, as at temperature 1, whatever a rule forbids.
        """
        draws = [Draw(i) for i in range(len(prompts))] if draws is None else draws
        pack = packed(prompts, [[] for _ in prompts])
        answers: list[list[int]] = [[] for _ in draws]
        sums = [0.0] * len(draws)
        vocabulary = self._model.get_output_embeddings()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            begun = _Begun(laid(pack, self._device))
            states = self._states(begun.pack.ids, begun.pack.positions, begun)
            going = begun.going(pack)
            ends = len(pack.shared) + going.n.cumsum(0) - 1
            states = states[ends]
            choice = _Choice(draws, max_tokens, self._device)
            alike: dict[tuple[int, str | None], list[int]] = {}
            for i, draw in enumerate(draws):
                alike.setdefault((draw.prompt, draw.rule.grammar if draw.rule else None), []).append(i)
            asked = [prompt for prompt, _ in alike]
            going.keep(asked)
            states = states[asked]
            rows = [*alike.values()]  # the numbers of the draws that have said the same so far
            while True:
                scores = logits(vocabulary, states)
                tokens = choice(forbid(scores, [draws[row[0]].rule for row in rows]), rows)
                said: dict[tuple[int, int], list[int]] = {}
                for i, row in enumerate(rows):
                    for j in row:
                        if tokens[j] not in self._stops:
                            said.setdefault((i, tokens[j]), []).append(j)
                of_tokens = _log_probabilities(scores, [*said]) if logprobs and said else [0.0] * len(said)
                for ((_, token), row), of_token in zip(said.items(), of_tokens, strict=True):
                    for j in row:
                        answers[j].append(token)
                        sums[j] += of_token
                        if (rule := draws[j].rule) is not None:
                            rule.take(token)
                if not said or choice.step == max_tokens or not wanted():
                    return [
                        Said(tokens, total / len(tokens) if logprobs and tokens else None)
                        for tokens, total in zip(answers, sums, strict=True)
                    ]
                going.keep([i for i, _ in said])
                rows = [*said.values()]
                ids = torch.tensor([[token for _, token in said]], device=self._device)
                going.begin_token()
                states = self._states(ids, (len(pack.shared) + going.n)[None], going)
                going.n += 1

    def _states(self, ids: Tensor, positions: Tensor, pack: _Begun | _Going) -> Tensor:
        states: Tensor = self._model.model(
            ids, position_ids=positions, attention_mask={"full_attention": None}, use_cache=False, pack=pack
        ).last_hidden_state[0]
        return states


def _log_probabilities(scores: Tensor, said: Sequence[tuple[int, int]]) -> list[float]:
    """Return those of tokens, (row, token), for scores (rows, vocabulary)."""
    at, tokens = torch.tensor(said, device=scores.device).unbind(1)
    found: list[float] = (scores[at, tokens] - scores.float().logsumexp(-1)[at]).tolist()
    return found


class _Choice:
    """Chooses each draw's next token: the likeliest, or at a temperature, by a number of its own in [0, 1)."""

    def __init__(self, draws: Sequence[Draw], max_tokens: int, device: torch.device) -> None:
        self._temperatures = [draw.temperature for draw in draws]
        self._numbers = torch.zeros(len(draws), max_tokens)
        for numbers, draw in zip(self._numbers, draws, strict=True):
            if draw.temperature:
                numbers.uniform_(generator=torch.Generator().manual_seed(draw.seed))
        self._numbers = self._numbers.to(device)
        self.step = 0

    def __call__(self, logits: Tensor, rows: Sequence[Sequence[int]]) -> dict[int, int]:
        """Return the tokens of the draws in ``rows``, for logits (rows, vocabulary)."""
        hot: dict[float, dict[int, int]] = {}
        chosen: dict[int, int] = {}
        likeliest = logits.argmax(-1).tolist()
        for i, row in enumerate(rows):
            for j in row:
                if temperature := self._temperatures[j]:
                    hot.setdefault(temperature, {})[j] = i
                else:
                    chosen[j] = likeliest[i]
        for temperature, row_of in hot.items():
            heated = {row: at for at, row in enumerate(dict.fromkeys(row_of.values()))}
            up_to = (logits[[*heated]].float() / temperature).softmax(-1).cumsum(-1)
            up_to = up_to[[heated[row] for row in row_of.values()]]
            numbers = self._numbers[[*row_of], self.step, None] * up_to[:, -1:]
            drawn = torch.searchsorted(up_to, numbers, right=True)[:, 0].clamp_max_(logits.shape[-1] - 1)
            chosen.update(zip(row_of, drawn.tolist(), strict=True))
        self.step += 1
        return chosen


class _Begun:
    """The prompts, which attend as a pack; the keys and values of each layer are kept."""

    def __init__(self, pack: Laid) -> None:
        self.pack = pack
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        self._kept[layer] = key, value
        return attend(query, key, value, self.pack, scaling)

    def going(self, pack: Pack) -> _Going:
        p, n = len(pack.shared), torch.tensor([*map(len, pack.rests)], device=self.pack.ids.device)
        shared = {layer: (key[:, :, :p], value[:, :, :p]) for layer, (key, value) in self._kept.items()}
        own = {layer: [own_cache(x, self.pack, _ROOM) for x in both] for layer, both in self._kept.items()}
        return _Going(shared, own, n)


class _Going:
    """Answers in the making, one row each: what all see, their own keys and values, and how many of these there are."""

    def __init__(self, shared: dict[int, tuple[Tensor, Tensor]], own: dict[int, list[Tensor]], n: Tensor) -> None:
        self._shared, self._own, self.n = shared, own, n

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows, each of which may be there none, one or many times."""
        if [*rows] == [*range(len(self.n))]:
            return
        kept = torch.tensor(rows, device=self.n.device)
        self._own = {layer: [x[kept] for x in both] for layer, both in self._own.items()}
        self.n = self.n[kept]

    def begin_token(self) -> None:
        """Find out what all layers want to know of the next token of each row."""
        self._width = int(self.n.max()) + 1
        self._each = torch.arange(len(self.n), device=self.n.device)
        self._unseen = torch.arange(self._width, device=self.n.device) > self.n[:, None]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """Return (1, B, heads, d) for a token a row: query (1, heads, B, d), key and value (1, kv_heads, B, d)."""
        _, heads, rows, d = query.shape
        groups, width = heads // key.shape[1], self._width
        if width > self._own[layer][0].shape[2]:
            self._own[layer] = [torch.nn.functional.pad(x, (0, 0, 0, _ROOM)) for x in self._own[layer]]
        for kept, new in zip(self._own[layer], (key, value), strict=True):
            kept[self._each, :, self.n] = new[0].transpose(0, 1)
        keys, values = (kept[:, :, :width] for kept in self._own[layer])
        q = query[0].transpose(0, 1).reshape(rows, -1, groups, d).float()
        scores = q @ keys.float().transpose(2, 3) * scaling
        scores = scores.masked_fill(self._unseen[:, None, None], float("-inf"))
        sums = scores.logsumexp(-1, keepdim=True)
        near = (scores - sums).exp() @ values.float()  # (B, kv_heads, groups, d)
        shared_keys, shared_values = self._shared[layer]
        if shared_keys.shape[2]:
            near = joined(near, sums, *shared_part(query, shared_keys, shared_values, scaling))
        return near.reshape(1, rows, heads, d).to(query.dtype)
