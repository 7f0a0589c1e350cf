"""llama.cpp's server in this process, asked so that an answer does not depend on what was asked before.

llama.cpp's numbers depend in their last digits on the shape of the batch that a token is computed in, and
its prefix cache changes shapes. So prompts are computed in blocks of a fixed size that start at its
multiples, only whole blocks are taken from the cache, and requests take turns. The samples of one request share
its prompt and are decoded side by side, always the same ones in the same step.
"""

from __future__ import annotations

import importlib
import os
import platform
import secrets
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from spider_opt.errors import ModelError, ModelUnavailable
from spider_opt.models.llamacpp.prefixes import MIN_TOKENS, Prefixes
from spider_opt.models.openai.chat import OpenAIModel
from spider_opt.types import Completion, Message

BLOCK = 32
"""Tokens computed together: with fewer each costs more, with more there is more to compute again."""
N_SIDE_BY_SIDE = 8
"""Samples decoded together: the weights are read once for all of them."""
MAX_BYTES = 1 << 28
"""Of what the server of our own answers, such as the tokens of a long prompt."""
PATIENCE_S = 10.0
"""For requests to end where the server is stopped."""
N_REMEMBERED = 3
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
        prefixes: Path | None,
    ) -> None:
        xllamacpp = binding()
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0) for adapter in adapters]
        params.n_parallel = N_SIDE_BY_SIDE
        params.n_ctx = n_ctx * N_SIDE_BY_SIDE
        params.n_ubatch = BLOCK
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = n_threads
        # These would choose a context, or bring back a prompt, that is not the one asked for here.
        params.fit_params = False
        params.cache_ram_mib = 0
        params.warmup = False
        params.ui = False
        params.verbosity = -1
        self._prefixes: Prefixes | None = None
        if prefixes is not None:
            files = [file.resolve() for file in (path, *adapters)]
            weights = " ".join(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files)
            of = f"llama.cpp {xllamacpp.__version__} {platform.node()} {n_threads} {BLOCK} {n_ctx} {weights}"
            self._prefixes = Prefixes(prefixes, of, BLOCK)
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
        self._turn = threading.RLock()
        # What each slot was last asked, the one not used for longest first. Further samples go to the free slots
        # with the lowest numbers, so prompts are remembered in the highest.
        self._slots: dict[int, list[int]] = {N_SIDE_BY_SIDE - 1 - i: [] for i in range(N_REMEMBERED)}

    def stop(self) -> None:
        """Stop the server; requests that it works on fail.

        It must have none when it is dropped: that waits for their end with Python's own lock in hand, and whoever sent
        them needs that lock to hang up.
        """
        server, self._server = self._server, None  # from now on nothing is asked
        self._client.close()
        if self._turn.acquire(timeout=PATIENCE_S):
            self._turn.release()
        del server

    def forget(self) -> None:
        """Compute what is asked next from its first token on."""
        with self._turn:
            self._slots = {slot: [] for slot in self._slots}

    def tokens(self, messages: Sequence[Message] | str) -> list[int]:
        """Turn a chat, by the model's own template, or a plain prompt into tokens.

        Raises:
            ModelError: the server failed.
        """
        with self._turn:
            self._check_running()
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
        with self._turn:
            self._check_running()
            slot, whole = self._aligned(prompt)
            options = {**extra, "id_slot": slot, "cache_prompt": whole}
            for other in [s for s in range(N_SIDE_BY_SIDE) if s != slot][: n - 1]:
                if other in self._slots:
                    self._slots[other] = []
            done = [replace(one, served="") for one in self._client.ask({**body, **options, "prompt": prompt}, n)]
            self._slots[slot] = prompt
            return [self._counted(done), *done[1:]] if n > 1 else done

    def _check_running(self) -> None:
        if self._server is None:
            raise ModelError("the model was closed")

    def _counted(self, done: Sequence[Completion]) -> Completion:
        """Return the first of some samples with the usage of all; the server counts its answer tokens only."""
        more = sum(len(self.tokens(sample.text)) + (sample.finish_reason == "stop") for sample in done[1:])
        usage = done[0].usage
        return replace(done[0], usage=replace(usage, completion_tokens=usage.completion_tokens + more))

    def _aligned(self, prompt: list[int]) -> tuple[int, bool]:
        """Choose a slot and make it forget all but the whole blocks that it shares with a prompt.

        Returns the slot and whether there are such blocks. Until it has been asked, it is taken for empty.
        """
        slot, n = max(
            ((slot, shared_blocks(known, prompt)) for slot, known in self._slots.items()), key=lambda pair: pair[1]
        )
        stored = self._prefixes.find(prompt) if self._prefixes else 0
        if stored > n:
            slot = next(iter(self._slots))
            n = stored if self._restored(slot, prompt[:stored]) else 0
        elif 2 * n < len(prompt):  # better lose what was not used for longest
            slot, n = next(iter(self._slots)), 0
        known = self._slots.pop(slot)
        self._slots[slot] = []
        if n:
            # The server keeps what two prompts share: n tokens if what follows is in neither.
            other = next(token for token in range(3) if token not in (known[n], prompt[n]))
            options = {"id_slot": slot, "cache_prompt": True}
            self._client.ask({"prompt": [*prompt[:n], other], "max_tokens": 0, **options})
            if self._prefixes and n - stored >= MIN_TOKENS:
                self._save(slot, prompt[:n])
        return slot, n > 0

    def _save(self, slot: int, tokens: list[int]) -> None:
        assert self._prefixes is not None
        part = f"{secrets.token_hex(8)}.part"
        with suppress(ModelError):  # a cache only saves time
            self._client.post(f"{self.url}/slots/{slot}?action=save", {"filename": part})
            self._prefixes.keep(self._prefixes.name(tokens), part)

    def _restored(self, slot: int, tokens: list[int]) -> bool:
        assert self._prefixes is not None
        self._slots[slot] = []
        name = self._prefixes.name(tokens)
        try:
            self._client.post(f"{self.url}/slots/{slot}?action=restore", {"filename": name})
        except ModelError:
            (self._prefixes.folder / name).unlink(missing_ok=True)
            return False
        self._slots[slot] = [*tokens, -1]
        return True


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
