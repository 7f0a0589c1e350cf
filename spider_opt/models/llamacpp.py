"""llama.cpp's server in this process, asked so that an answer does not depend on what was asked before.

llama.cpp's numbers depend in their last digits on the shape of the batch that a token is computed in, and
its prefix cache changes shapes. So prompts are computed in blocks of a fixed size that start at its
multiples, only whole blocks are taken from the cache, and requests take turns, which costs nothing where
the cores are the limit.
"""

from __future__ import annotations

import importlib
import os
import secrets
import threading
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from spider_opt.errors import ModelUnavailable
from spider_opt.models.chat import OpenAIModel
from spider_opt.types import Completion, Message

BLOCK = 32
"""Tokens computed together: with fewer each costs more, with more there is more to compute again."""
N_SLOTS = 3
"""Prompts remembered, for methods that ask several kinds of prompt in turn."""


class LlamaServer:
    """A running server. It listens on loopback, on a port of its choosing and behind a key of its own.

    Raises:
        ModelUnavailable: llama.cpp is not installed, or cannot load the weights.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        adapters: Sequence[Path],
        *,
        n_ctx: int,
        n_threads: int,
        timeout_s: float,
        logprobs: bool,
    ) -> None:
        xllamacpp = binding()
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0) for adapter in adapters]
        params.n_parallel = N_SLOTS
        params.n_ctx = n_ctx * N_SLOTS
        params.n_ubatch = BLOCK
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = n_threads
        # These would choose a context, or bring back a prompt, that is not the one asked for here.
        params.fit_params = False
        params.cache_ram_mib = 0
        params.warmup = False
        params.ui = False
        params.verbosity = -1
        key = secrets.token_urlsafe(24)
        params.api_keys = [key]
        try:
            self._server: Any = xllamacpp.Server(params)
        except RuntimeError as error:
            raise ModelUnavailable(f"llama.cpp cannot load {path}: {error}") from error
        self.url = str(self._server.listening_address)
        self._client = OpenAIModel(
            name, base_url=f"{self.url}/v1", timeout_s=timeout_s, max_retries=0, logprobs=logprobs, api_key=key
        )
        self._turn = threading.Lock()
        # What each slot was last asked, the one not used for longest first.
        self._slots: dict[int, list[int]] = {slot: [] for slot in range(N_SLOTS)}

    def stop(self) -> None:
        """Stop the server; requests that it works on fail."""
        self._server = None
        self._client.close()

    def tokens(self, messages: Sequence[Message] | str) -> list[int]:
        """Turn a chat, by the model's own template, or a plain prompt into tokens.

        Raises:
            ModelError: the server failed.
        """
        text = messages
        if not isinstance(text, str):
            chat = [{"role": message.role, "content": message.content} for message in text]
            text = self._client.post(f"{self.url}/apply-template", {"messages": chat})["prompt"]
        body = {"content": text, "add_special": True, "parse_special": True}
        tokens: list[int] = self._client.post(f"{self.url}/tokenize", body)["tokens"]
        return tokens

    def ask(self, prompt: list[int], body: Mapping[str, Any], extra: Mapping[str, Any]) -> list[Completion]:
        """Complete a prompt; ``body`` and ``extra`` are the fields of OpenAI and of llama.cpp.

        Raises:
            ModelError: this request got no answer.
        """
        with self._turn:
            slot, whole = self._aligned(prompt)
            options = {**extra, "id_slot": slot, "cache_prompt": whole}
            done = self._client.ask({**body, "prompt": prompt, "extra_body": options})
            self._slots[slot] = prompt
            return done

    def _aligned(self, prompt: list[int]) -> tuple[int, bool]:
        """Choose a slot and make it forget all but the whole blocks that it shares with a prompt.

        Returns the slot and whether there are such blocks. Until it has been asked, it is taken for empty.
        """
        slot, n = max(
            ((slot, shared_blocks(known, prompt)) for slot, known in self._slots.items()), key=lambda pair: pair[1]
        )
        if 2 * n < len(prompt):  # better lose what was not used for longest
            slot, n = next(iter(self._slots)), 0
        known = self._slots.pop(slot)
        self._slots[slot] = []
        if n:
            # The server keeps what two prompts share: n tokens if what follows is in neither.
            other = next(token for token in range(3) if token not in (known[n], prompt[n]))
            options = {"id_slot": slot, "cache_prompt": True}
            self._client.ask({"prompt": [*prompt[:n], other], "max_tokens": 0, "extra_body": options})
        return slot, n > 0


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


def shared_blocks(known: Sequence[int], prompt: Sequence[int]) -> int:
    """Count the tokens in whole blocks that two prompts begin with and both go on after.

    >>> shared_blocks([7] * 70, [7] * 66 + [1]), shared_blocks([7] * 64, [7] * 64), shared_blocks([], [7])
    (64, 32, 0)
    """
    n = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(known, prompt, strict=False)))
    return max(0, min(n, len(known) - 1, len(prompt) - 1) // BLOCK * BLOCK)
