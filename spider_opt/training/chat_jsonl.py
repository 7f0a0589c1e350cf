"""Training examples as chats, one JSON object a line: what OpenAI's fine-tuning takes, and who copied it.

A line is ``{"messages": [{"role": "system", "content": …}, {"role": "user", …}, {"role": "assistant", …}]}``.
Not checked: tool calls and pictures (such lines pass as long as they end with the assistant's text), and
whether one example fits into the model's context.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from spider_opt.answering.drafts import Drafter, Look
from spider_opt.paths import encoded
from spider_opt.rows import KeyTwice, parsed
from spider_opt.types import ChatModel, Database, Task

if TYPE_CHECKING:
    from spider_opt.training.dataset import Item

# What the provider refuses. Source: OpenAI, supervised fine-tuning guide and files API.
MIN_EXAMPLES = 10
MAX_BYTES = 512 * 10**6
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
# Measured with o200k_base over 400 random prompts and golds of Spider's training questions.
BYTES_PER_TOKEN = 3.2
# What the chat format adds. Source: OpenAI cookbook, "How to count tokens with tiktoken".
TOKENS_PER_MESSAGE = TOKENS_PER_REPLY = 3
Target = Callable[["Item"], str]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file holds. ``faults`` are sentences with the line's number; a file without any can be sent.

    ``n_tokens`` is what one epoch is billed for, counted as ``counted`` says. ``n_duplicates`` are lines that
    repeat an earlier one.
    """

    path: Path
    sha256: str
    n_examples: int
    n_tokens: int
    counted: str
    n_duplicates: int
    faults: tuple[str, ...]


def plain(item: Item) -> str:
    """Return the query as the gold is written."""
    return item.sql


def jsonl_text(
    items: Iterable[Item], databases: Mapping[str, Database], target: Target = plain, look: Look | None = None
) -> str:
    """Return a line for each item: asked as the ``finetune`` step asks, answered with ``target`` of the item."""
    drafter = Drafter(look or Look(), databases)
    nobody = cast(ChatModel, None)
    lines = []
    for item in items:
        asked = drafter.messages(Task(item.question, nobody, item.context))
        messages = [{"role": m.role, "content": m.content} for m in asked if not isinstance(m, str)]
        messages.append({"role": "assistant", "content": target(item)})
        lines.append(json.dumps({"messages": messages}) + "\n")
    return "".join(lines)


def check_jsonl(path: Path, model: str = "") -> Checked:
    """Read a file of chats, ours or the user's own, and say what is in it and what is wrong with it.

    Raises:
        OSError: the file cannot be read.
    """
    count, counted = token_counter(model)
    size, sha256 = path.stat().st_size, hashlib.sha256()
    faults = [f"{path.name} has {size / 1e6:,.0f} MB, and 512 MB is the most"] if size > MAX_BYTES else []
    n_examples = n_tokens = n_duplicates = 0
    seen: set[bytes] = set()
    with path.open("rb") as file:
        for number, line in enumerate([] if faults else file, 1):
            sha256.update(line)
            n_examples += 1
            messages = _messages(line)
            if isinstance(messages, str):
                faults.append(f"line {number} {messages}")
                continue
            texts = [m["content"] for m in messages if isinstance(m.get("content"), str)]
            n_tokens += sum(map(count, texts)) + TOKENS_PER_MESSAGE * len(messages) + TOKENS_PER_REPLY
            digest = hashlib.sha256(line.strip()).digest()
            n_duplicates += digest in seen
            seen.add(digest)
    if not faults and n_examples < MIN_EXAMPLES:
        faults.append(f"{path.name} has {n_examples} examples, and {MIN_EXAMPLES} are the least")
    return Checked(path, sha256.hexdigest(), n_examples, n_tokens, counted, n_duplicates, tuple(faults))


def token_counter(model: str) -> tuple[Callable[[str], int], str]:
    """Return what counts a text's tokens, and its name: tiktoken where it is installed and knows the model."""
    try:
        encoding = import_module("tiktoken").encoding_for_model(model)
    except (ImportError, KeyError, OSError, ValueError):  # not there, or cannot get its vocabulary
        return lambda text: round(len(encoded(text)) / BYTES_PER_TOKEN), f"estimated at {BYTES_PER_TOKEN} bytes each"
    return lambda text: len(encoding.encode(text, disallowed_special=())), f"by tiktoken's {encoding.name}"


def _messages(line: bytes) -> Sequence[Mapping[str, Any]] | str:
    """Return a line's messages, or what is wrong with it."""
    try:
        chat = parsed(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return f"is not UTF-8 (byte {error.start + 1})"
    except KeyTwice as error:
        return str(error)
    except (ValueError, RecursionError) as error:
        return f"is not JSON ({error})" if line.strip() else "is empty"
    messages = chat.get("messages") if isinstance(chat, dict) else None
    if not isinstance(messages, list) or not messages:
        return 'has no list of "messages"'
    for k, message in enumerate(messages, 1):
        if not isinstance(message, dict):
            return f"has a message ({k}) that is no object"
        role, content = message.get("role"), message.get("content")
        if role not in ROLES:
            return f"has a message ({k}) of the role {role!r}; there are {', '.join(ROLES)}"
        if role == "assistant" and not (isinstance(content, str) and content.strip()):
            if content is None and k < len(messages):
                continue  # a call of a tool
            return f"has an empty answer of the assistant (message {k})"
        if not isinstance(content, str | list):
            return f"has a message ({k}) of the {role} without text"
    last = messages[-1]["role"]
    return messages if last == "assistant" else f"ends with a message of the {last}, not of the assistant"
