"""The one way to a model: ``models.open`` takes a name, and says which model that is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from spider_opt import arguments
from spider_opt.errors import UsageError
from spider_opt.models import weights
from spider_opt.models.adapters import Adapter
from spider_opt.models.catalog import CATALOG, DEFAULT_MODEL
from spider_opt.models.fetching import fetched
from spider_opt.models.fitting import fitting_adapters
from spider_opt.models.installed import Access, is_installed, open_installed
from spider_opt.models.llamacpp import server
from spider_opt.models.llamacpp.embedded import EmbeddedModel
from spider_opt.models.manner import AskedInAManner, Manner
from spider_opt.models.openai.chat import REQUEST_TIMEOUT_S, OpenAIModel
from spider_opt.models.openai.urls import checked_url
from spider_opt.models.openai.wire import MAX_BYTES
from spider_opt.models.secrets import told_secrets
from spider_opt.models.torch import engine as torch_engine
from spider_opt.paths import cache_dir
from spider_opt.types import JSON, ChatModel, ModelInfo
from spider_opt.wording import argument

Engine = Literal["llama.cpp", "torch"]
"""What computes a model of the catalog on this machine."""


def open(
    name: str | None = None,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    headers: Mapping[str, str] | None = None,
    engine: Engine = "llama.cpp",
    adapters: Sequence[str] = (),
    max_tokens: int | None = None,
    system: bool = True,
    extra: Mapping[str, JSON] | None = None,
    timeout_s: float = REQUEST_TIMEOUT_S,
    max_bytes: int = MAX_BYTES,
    logprobs: bool = False,
    on_progress: weights.Progress | None = None,
) -> ChatModel:
    """Open a model of the catalog on this machine, or one behind an endpoint.

    With ``base_url`` the endpoint is asked, whatever the name. Without one, a name of the catalog (the default:
    ``qwen2.5-coder-0.5b``) is computed here by the ``engine``, with ``adapters`` (by name or folder) put on it; where
    no name is given it is the model that these are for. A name of an installed package's (see ``models.installed``) is
    opened by that, with ``base_url`` or without. Any other name is OpenAI's, if ``OPENAI_API_KEY`` is set. A model
    elsewhere is tuned already, so ``adapters`` mean nothing to it.

    Args:
        name: the model's, as the catalog or the endpoint knows it.
        base_url: an OpenAI-compatible endpoint (``http://127.0.0.1:8000/v1``).
        api_key: the endpoint's key, by default ``OPENAI_API_KEY``; it is written and shown nowhere.
        headers: sent to the endpoint with each request, and shown nowhere. Those that may hold a key by their names
            identify nothing; of the others hashes belong to a run's identity.
        engine: what computes a model of the catalog; ``torch`` answers many threads together.
        adapters: LoRA adapters, by name or by the path of a folder.
        max_tokens: tokens that an answer may have, in place of what methods ask for.
        system: whether a chat may begin with a system message; else the instruction stands before the user's words.
        extra: further parameters of each request (``{"reasoning_effort": "low"}``). These three belong to a run's
            identity and to what kept answers are found by (``ModelInfo.manner``), secrets in them as hashes.
        timeout_s: the wait for one whole answer.
        max_bytes: so much is read of an answer, and what is longer is refused.
        logprobs: ask for the mean log probability of each sample.
        on_progress: called with bytes had and bytes in all while weights are fetched; a bar on stderr by default.

    Raises:
        UsageError: an argument is of another kind than is due, the name means nothing here, or what is asked for does
            not go together.
        WeightsError: the weights, or an adapter's files, cannot be had.
        ModelUnavailable: what computes the model is not installed.
    """
    name = None if name is None else arguments.text(name, "name")
    base_url = None if base_url is None else arguments.text(base_url, "base_url", blank=True)
    api_key = None if api_key is None else arguments.secret(api_key, "api_key")
    if headers is not None:
        headers = {
            key: arguments.secret(said, "headers") for key, said in arguments.mapping(headers, "headers").items()
        }
    adapters = arguments.texts(adapters, "adapters")
    max_tokens = None if max_tokens is None else arguments.whole(max_tokens, "max_tokens", least=1)
    timeout_s = arguments.number(timeout_s, "timeout_s", above=True)
    system, logprobs = arguments.yes_or_no(system, "system"), arguments.yes_or_no(logprobs, "logprobs")
    extra = {} if extra is None else arguments.mapping(extra, "extra")
    manner = Manner(max_tokens, system, extra, told_secrets(api_key, headers))
    max_bytes = arguments.whole(max_bytes, "max_bytes", least=1)
    access = Access(base_url, api_key, headers, timeout_s, logprobs, max_bytes)
    model = _opened(name, access, engine, adapters, on_progress)
    if manner.extra and isinstance(model, torch_engine.TorchModel):
        raise UsageError(f"torch takes no further parameters: leave out {', '.join(manner.extra)}")
    return AskedInAManner(model, manner) if str(manner) else model


def _opened(
    name: str | None,
    access: Access,
    engine: Engine,
    adapters: Sequence[str],
    on_progress: weights.Progress | None,
) -> ChatModel:
    base_url = access.base_url
    arguments.one_of(engine, "engine", get_args(Engine))
    if engine == "torch":
        if base_url is not None:
            raise UsageError(
                f"{argument('engine', 'torch')} computes a model here, and {argument('base_url')} asks one elsewhere: "
                "leave one out"
            )
        return torch_engine.open_torch(adapters, name, on_progress, logprobs=access.logprobs)
    if base_url is None and (name is None or name in CATALOG):
        if access.api_key or access.headers:
            raise UsageError(f"{name or DEFAULT_MODEL} is computed here: a key and headers are for a base_url")
        return _embedded(*fitting_adapters(adapters, name), access.timeout_s, access.logprobs, on_progress)
    if base_url is not None:
        checked_url(base_url)
    if name is None:
        raise UsageError(f"Which model at {base_url}? Name it with {argument('model')}")
    if name not in CATALOG and is_installed(name):
        return open_installed(name, access)
    known = map(os.environ.get, ("OPENAI_BASE_URL", "OPENAI_API_KEY"))
    if base_url is None and not any(known) and not access.api_key:
        raise UsageError(
            f"There is no embedded model {name!r} (there are: {_chats()}). "
            f"For a model elsewhere give {argument('base_url', 'URL')}, for OpenAI's set OPENAI_API_KEY."
        )
    return OpenAIModel(
        name,
        base_url=base_url,
        api_key=access.api_key,
        headers=access.headers,
        logprobs=access.logprobs,
        timeout_s=access.timeout_s,
        max_bytes=access.max_bytes,
    )


def _embedded(
    name: str | None,
    adapters: Sequence[Adapter],
    timeout_s: float,
    logprobs: bool,
    on_progress: weights.Progress | None,
) -> EmbeddedModel:
    name = name or DEFAULT_MODEL
    entry = CATALOG[name]
    if not entry.chats:
        raise UsageError(f"{name} turns text into vectors and answers no questions; the default is {DEFAULT_MODEL}.")
    server.binding()  # before half a gigabyte is fetched for nothing
    return EmbeddedModel(
        fetched(name, on_progress),
        info=ModelInfo(name, entry.sha256, "+".join(adapter.sha256 for adapter in adapters)),
        adapters=[adapter.path for adapter in adapters if adapter.path is not None],
        timeout_s=timeout_s,
        logprobs=logprobs,
        prefixes=cache_dir() / "prefixes",
    )


def _chats() -> str:
    return ", ".join(entry.name for entry in CATALOG.values() if entry.chats)
