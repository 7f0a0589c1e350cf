"""A model of the catalog computed by torch: what many threads ask is answered side by side.

llama.cpp answers one question after the other. Here those that wait at the same time share the schema that they begin
with, and the weights are read once for all of them (``models.torch.decoding``). Answers may differ from llama.cpp's
where rounding decides, so what a model was run by stands in ``ModelInfo.engine``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from spider_opt.cache_use import cache_in_use
from spider_opt.errors import ModelError, ModelUnavailable, NoAnswer, UsageError
from spider_opt.models.adapters import check_unchanged
from spider_opt.models.catalog import CATALOG, DEFAULT_MODEL
from spider_opt.models.fetching import fetched
from spider_opt.models.fitting import fitting_adapters
from spider_opt.models.openai.refusals import fewer_tables
from spider_opt.models.torch import compute
from spider_opt.models.torch.base import folder_of, import_transformers, keep_memory, open_base, tokens_of
from spider_opt.models.torch.batching import Batcher, Decode, Limits, Said
from spider_opt.models.torch.gguf import read_gguf
from spider_opt.models.weights import Progress
from spider_opt.types import Completion, Message, ModelInfo, Request, Usage
from spider_opt.wording import argument

N_CTX = 8192
SIDE_BY_SIDE = 96
"""Questions that are asked at the same time where nobody says how many."""
ON_A_GPU = Limits(prompts=128, rows=512, tokens=32768)
# What ends an answer, beside the token that the tokenizer says.
_ENDS = ("<|im_end|>", "<|endoftext|>")


@dataclass(frozen=True, slots=True)
class Opened:
    """A tokenizer of transformers, what answers prompts, how many at once, and what gives back memory at the end."""

    tokenizer: Any
    decode: Decode
    limits: Limits | None = None
    give_back: Callable[[], None] = lambda: None


class TorchModel:
    """Answers many threads at once; ``opened`` is called with the first call, and again after ``close``.

    Where its decoder tells log probabilities, ``logprobs`` says so, for answers that were kept without.
    """

    def __init__(self, info: ModelInfo, opened: Callable[[], Opened], *, logprobs: bool = False) -> None:
        self.info = info
        self.cache_tag = "logprobs" if logprobs else ""  # the info says all else that an answer depends on
        self._open = opened
        self._opening = threading.Lock()
        self._running: _Running | None = None
        self._failed: str | None = None
        self._closed = 0
        self._use = ExitStack()

    def complete(self, request: Request) -> list[Completion]:
        """Return the samples, the i-th with ``seed + i``; the first call opens the model.

        Raises:
            UsageError: there is a grammar, and what follows it is not installed; or there are further parameters.
            ModelUnavailable: the model cannot be opened.
            ModelError: this request got no answer.
        """
        if request.extra:
            raise UsageError(f"torch takes no further parameters: leave out {', '.join(request.extra)}")
        if request.grammar is not None and find_spec("llguidance") is None:
            raise UsageError("What follows a grammar is not installed; type: pip install 'spider-opt[train]'")
        running = self._started()
        prompt = running.tokens(request.messages)
        if len(prompt) > N_CTX:
            said = f"The prompt has {len(prompt):,} tokens, more than the {N_CTX:,} that there is room for"
            raise ModelError(f"{said}; {fewer_tables()}", NoAnswer.TOO_LONG)
        n, temperature, max_tokens = request.n, request.temperature, request.max_tokens
        draws = [(temperature, request.seed + i) for i in range(n)] if temperature > 0 else [(0.0, request.seed)]
        answered = running.batcher.ask(prompt, draws, max_tokens, request.grammar)
        done = [running.completion(said, request.stop, max_tokens) for said in answered.answers]
        usage = Usage(
            calls=1,
            prompt_tokens=len(prompt),
            cached_tokens=answered.cached,
            # As llama.cpp counts: with the token that ends an answer.
            completion_tokens=sum(len(said.tokens) + (len(said.tokens) < max_tokens) for said in answered.answers),
            seconds=round(answered.seconds, 3),
        )
        rest = done[1:] if temperature > 0 else done * (n - 1)
        return [replace(done[0], usage=usage), *rest]

    def close(self) -> None:
        """End what is computed and free the memory; the next call opens the model again."""
        self._closed += 1
        self._use.close()
        running, self._running, self._failed = self._running, None, None
        if running is not None:
            running.close()

    def _started(self) -> _Running:
        running = self._running
        if running is not None:
            return running
        with self._opening:
            if self._failed is not None:
                raise ModelUnavailable(self._failed)
            if self._running is None:
                closed = self._closed
                self._use.enter_context(cache_in_use())
                try:
                    running = _Running(self._open)
                except Exception as error:  # whatever it is, the threads that wait here would meet it too
                    said = str(error) or repr(error)
                    self._failed = f"{self.info.name} cannot be opened by {self.info.engine}: {said}"
                    raise ModelUnavailable(self._failed) from error
                if closed != self._closed:
                    running.close()
                    raise ModelUnavailable("The model was closed before it was open.")
                self._running = running
            return self._running


class _Running:
    def __init__(self, opened: Callable[[], Opened]) -> None:
        def begin() -> tuple[Decode, Limits]:
            made = opened()
            self._tokenizer: Any = made.tokenizer
            self._give_back = made.give_back
            return made.decode, made.limits or Limits()

        self._one = threading.Lock()  # tokenizers refuse to be used by two threads at once
        self.batcher = Batcher(begin)
        self.batcher.start()

    def close(self) -> None:
        self.batcher.close()
        self._give_back()

    def tokens(self, messages: Sequence[Message] | str) -> list[int]:
        with self._one:
            return tokens_of(self._tokenizer, messages)

    def completion(self, said: Said, stop: Sequence[str], max_tokens: int) -> Completion:
        """Return an answer's text up to the first of the words that stop it, and why it ends there."""
        with self._one:
            text = str(self._tokenizer.decode(said.tokens, skip_special_tokens=True))
        ends = [at for words in stop if words and (at := text.find(words)) >= 0]
        why = "length" if not ends and len(said.tokens) >= max_tokens else "stop"
        return Completion(text[: min(ends, default=len(text))], finish_reason=why, logprob=said.logprob)


def open_torch(
    adapters: Sequence[str],
    model: str | None = None,
    on_progress: Progress | None = None,
    *,
    logprobs: bool = False,
) -> TorchModel:
    """Open a model of the catalog, by default the one that the adapter is for, to be computed by torch.

    With ``logprobs`` each answer has its tokens' mean log probability. The weights are fetched now, see
    ``models.fetching``; on a processor it is tried out which numbers are fast.

    Raises:
        UsageError: there is no such model or adapter, or more than one adapter.
        ModelUnavailable: torch, or what else is needed, is not installed.
        WeightsError: the weights cannot be had.
    """
    chats = ", ".join(entry.name for entry in CATALOG.values() if entry.chats)
    if model is not None and (model not in CATALOG or not CATALOG[model].chats):
        raise UsageError(
            f"{argument('engine', 'torch')} computes embedded models only ({chats}), and {model!r} is none"
        )
    if len(adapters) > 1:
        raise UsageError(
            f"{argument('engine', 'torch')} computes one adapter at a time: leave {argument('engine')} out"
        )
    name, found = fitting_adapters(adapters, model)
    name = name or DEFAULT_MODEL
    import_transformers()
    import torch

    if not (folder_of(name) / "config.json").is_file():
        fetched(name, on_progress)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    numbers = compute.numbers_here(device)
    dtype, int8 = compute.chosen_compute(numbers, device)
    engine = f"torch {numbers}{' cuda' if device == 'cuda' else ''}"
    info = ModelInfo(name, CATALOG[name].sha256, "+".join(adapter.sha256 for adapter in found), engine)
    path = found[0].path if found else None
    return TorchModel(info, lambda: _opened(info, path, dtype, int8, device, logprobs), logprobs=logprobs)


def _opened(info: ModelInfo, adapter: Path | None, dtype: Any, int8: bool, device: str, logprobs: bool) -> Opened:
    from spider_opt.models.torch.lora import add_lora, take_weights

    learnt = read_gguf(adapter) if adapter else None
    if adapter:
        check_unchanged([adapter], info.adapter)
    rank, alpha = (learnt.rank, learnt.alpha) if learnt else (1, 1.0)
    base = open_base(info.name, dtype=dtype, device=device)
    lora = add_lora(base.model, rank=rank, alpha=alpha, seed=0, int8=int8, learns=False)
    if learnt:
        take_weights(lora, learnt.weights)
        for layer in lora.values():
            layer.settle()
    else:
        for layer_name, layer in lora.items():
            base.model.set_submodule(layer_name, layer.base)
    decode = decoding(base.model, base.tokenizer, logprobs=logprobs)
    if device == "cuda":
        return Opened(base.tokenizer, decode, ON_A_GPU)
    return Opened(base.tokenizer, decode, give_back=keep_memory())


def decoding(model: Any, tokenizer: Any, *, logprobs: bool = False) -> Decode:
    """Return what answers prompts by a model that attends as packs do."""
    from spider_opt.models.torch.constraints import Grammars
    from spider_opt.models.torch.decoding import Decoder, Draw

    vocabulary = tokenizer.get_vocab()
    stops = {tokenizer.eos_token_id, *(vocabulary[word] for word in _ENDS if word in vocabulary)}
    decoder = Decoder(model, sorted(stops))
    n_vocabulary = model.config.vocab_size
    rules = cache(lambda: Grammars(tokenizer, n_vocabulary, sorted(stops)))  # a second that most do not need

    def decode(
        prompts: Sequence[Sequence[int]],
        draws: Sequence[tuple[int, float, int]],
        max_tokens: int,
        wanted: Callable[[], bool],
        grammars: Sequence[str | None],
    ) -> list[Said]:
        drawn = [
            Draw(prompt, temperature, seed % 2**63, None if (text := grammars[prompt]) is None else rules().rule(text))
            for prompt, temperature, seed in draws
        ]
        return decoder.answers(prompts, max_tokens=max_tokens, draws=drawn, wanted=wanted, logprobs=logprobs)

    return decode
