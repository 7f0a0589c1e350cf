"""llama.cpp's server in this process, asked so that an answer does not depend on what was asked before or beside.

llama.cpp's numbers depend in their last digits on the shape of the batch that a token is computed in, and
its prefix cache changes shapes. So prompts are computed in blocks of a fixed size that start at its
multiples, only whole blocks are taken from the cache, and requests take turns. The samples of one request share
its prompt and are decoded side by side, always the same ones in the same step.

Weights that are ``alike``, all in Q8_0 (see ``models.llamacpp.merged``), give a token the same numbers in every shape
but that of one token alone, if attention is computed by products, too. So any beginning is taken from the cache that
leaves more than one token to compute, and what many threads ask is decoded side by side, token by token from the last
one of the prompt on.
"""

from __future__ import annotations

import importlib
import os
import platform
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spider_opt.errors import ModelUnavailable
from spider_opt.models.llamacpp.phases import Phases
from spider_opt.models.llamacpp.prefixes import Prefixes
from spider_opt.models.llamacpp.slots import N_SIDE_BY_SIDE, Ready, Slots
from spider_opt.models.openai.chat import OpenAIModel
from spider_opt.paths import stamp
from spider_opt.types import Completion, Message, Usage

BLOCK = 32
"""Tokens computed together: with fewer each costs more, with more there is more to compute again."""
LARGE_BLOCK, NAMED = 128, 8
"""The same where weights are alike, so that nothing is computed again; and the multiples at which states are kept."""
MAX_BYTES = 1 << 28
"""Of what the server of our own answers, such as the tokens of a long prompt."""
PATIENCE_S = 10.0
"""For requests to end where the server is stopped."""


class LlamaServer:
    """A running server. It listens on loopback, on a port of its choosing and behind a key of its own.

    ``alike`` says that a token's numbers do not depend on what is computed beside it.

    Raises:
        ModelUnavailable: llama.cpp is not installed, or cannot load the weights.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        alike: bool,
        n_ctx: int,
        n_threads: int,
        timeout_s: float,
        logprobs: bool,
        prefixes: Path | None,
    ) -> None:
        xllamacpp = binding()
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.model_alias = {name}  # it would be called by its file
        params.n_parallel = N_SIDE_BY_SIDE
        params.n_ctx = n_ctx * N_SIDE_BY_SIDE
        self._alike = alike
        params.n_ubatch = LARGE_BLOCK if alike else BLOCK
        if alike:
            params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = n_threads
        # These would choose a context, or bring back a prompt, that is not the one asked for here.
        params.fit_params = False
        params.cache_ram_mib = 0
        params.warmup = False
        params.ui = False
        params.verbosity = -1
        kept: Prefixes | None = None
        if prefixes is not None:
            how = f"{n_threads} {params.n_ubatch} {n_ctx} {path.resolve()} {stamp(path)}"
            of = f"llama.cpp {xllamacpp.__version__} {platform.node()} {how}"
            kept = Prefixes(prefixes, of, NAMED if alike else BLOCK)
            prefixes.mkdir(parents=True, exist_ok=True)
            params.slot_save_path = f"{prefixes}{os.sep}"
        key = secrets.token_urlsafe(24)
        params.api_keys = [key]
        try:
            self._server: Any = xllamacpp.Server(params)
        except RuntimeError as error:
            raise ModelUnavailable(f"llama.cpp cannot load {path}: {error}") from error
        self.url = str(self._server.listening_address)
        self._client = OpenAIModel(
            name, base_url=f"{self.url}/v1", timeout_s=timeout_s, max_retries=0, max_bytes=MAX_BYTES, logprobs=logprobs,
            api_key=key,
        )  # fmt: skip
        self._phases = Phases(N_SIDE_BY_SIDE)
        self._slots = Slots(self._client, self.url, alike=alike, block=params.n_ubatch, prefixes=kept)

    def stop(self) -> None:
        """Stop the server; requests that it works on fail.

        It must have none when it is dropped: that waits for their end with Python's own lock in hand, and whoever sent
        them needs that lock to hang up.
        """
        server, self._server = self._server, None
        self._phases.close(0)  # from now on nothing is asked
        self._client.close()
        self._phases.close(PATIENCE_S)
        del server

    def forget(self) -> None:
        """Compute what is asked next from its first token on."""
        with self._phases.all_slots():
            self._slots.forget_all()

    def tokens(self, messages: Sequence[Message] | str) -> list[int]:
        """Turn a chat, by the model's own template, or a plain prompt into tokens.

        Raises:
            ModelError: the server failed.
        """
        with self._phases.asking():
            text = messages
            if not isinstance(text, str):
                chat = [{"role": message.role, "content": message.content} for message in text]
                text = self._client.post(f"{self.url}/apply-template", {"messages": chat})["prompt"]
            body = {"content": text, "add_special": True, "parse_special": True}
            tokens: list[int] = self._client.post(f"{self.url}/tokenize", body)["tokens"]
            return tokens

    def ask(self, prompt: list[int], body: Mapping[str, Any], extra: Mapping[str, Any], n: int) -> list[Completion]:
        """Complete a prompt ``n`` times, at most ``N_SIDE_BY_SIDE``, the i-th sample with the seed + i.

        ``body`` and ``extra`` are the fields of OpenAI and of llama.cpp.

        Raises:
            ModelError: this request got no answer.
        """
        asked = {**body, **extra, "prompt": prompt}
        with self._phases.asking():
            if self._alike and n == 1:
                return [self._beside_others(asked)]
            with self._phases.all_slots():
                ready = self._slots.ready(prompt) if self._alike else self._slots.aligned(prompt)
                self._slots.forget([slot for slot in range(N_SIDE_BY_SIDE) if slot != ready.slot][: n - 1])
                done = self._answers(asked, ready, n)
                self._slots.hold(ready.slot, ready.held_after)
        done[0] = _with_prompt(done[0], ready.spent, done[0].usage.seconds)
        return [self._counted(done), *done[1:]] if n > 1 else done

    def _beside_others(self, asked: Mapping[str, Any]) -> Completion:
        prompt = asked["prompt"]
        with self._phases.slot(lambda free: self._slots.best(prompt, free)) as slot:
            with self._phases.alone():
                ready = self._slots.ready(prompt, slot)
            with self._phases.beside() as share_s:
                [done] = self._answers(asked, ready, 1)
        return _with_prompt(done, ready.spent, share_s())

    def _answers(self, asked: Mapping[str, Any], ready: Ready, n: int) -> list[Completion]:
        options = {"id_slot": ready.slot, "cache_prompt": ready.holds_some}
        return [replace(done, served="") for done in self._client.ask({**asked, **options}, n)]

    def _counted(self, done: Sequence[Completion]) -> Completion:
        """Return the first of some samples with the usage of all; the server counts its answer tokens only."""
        more = sum(len(self.tokens(sample.text)) + (sample.finish_reason == "stop") for sample in done[1:])
        usage = done[0].usage
        return replace(done[0], usage=replace(usage, completion_tokens=usage.completion_tokens + more))


def binding() -> Any:
    """Import ``xllamacpp``.

    Raises:
        ModelUnavailable: it is not installed.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        # Threads that spin at every barrier make llama.cpp ten times slower as soon as anything else runs.
        # It is read when the library is loaded.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        return importlib.import_module("xllamacpp")
    except ImportError as error:
        raise ModelUnavailable("llama.cpp is not installed; type: pip install 'spider-opt[embedded]'") from error


def _with_prompt(done: Completion, spent: Usage | None, seconds: float) -> Completion:
    """Return an answer with what was spent on its prompt before, if it was, and so many seconds of its own."""
    if spent is None:
        return done
    usage = replace(
        done.usage, prompt_tokens=spent.prompt_tokens, cached_tokens=spent.cached_tokens,
        seconds=round(spent.seconds + seconds, 3),
    )  # fmt: skip
    return replace(done, usage=usage)
