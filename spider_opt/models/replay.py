"""Records a model's answers and plays them back with no model at hand, for tests and for the doubtful.

A recording is JSON lines: first who answered, then for each request its hash and the completions. It
holds no word of the prompts.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from spider_opt.errors import ModelError, UsageError
from spider_opt.models.cache import completions_from_json, completions_to_json, info_to_json, request_key
from spider_opt.types import ChatModel, Completion, ModelInfo, Request

FORMAT = 1


class Recorder:
    """Passes calls on to ``inner`` and appends each new answer to the recording at ``path``.

    ``tag`` is what answers depend on beside the model's info, '' where that is all; a recording with another one is of
    another model.

    Raises:
        UsageError: ``path`` is the recording of another model, or no recording.
    """

    def __init__(self, inner: ChatModel, path: Path, tag: str = "") -> None:
        self.inner = inner
        self.path = path
        self._tag = tag
        self._lock = threading.Lock()
        self._known: set[str] = set()
        if path.exists() and path.stat().st_size:
            info, there, answers, whole = _read(path)
            self._head = info
            if not _same(info, inner.info) or (there and there != tag):  # earlier versions wrote none
                raise self._of_another(info)
            self._known = set(answers)
            with path.open("r+b") as file:
                file.truncate(whole)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._begin()

    def _begin(self) -> None:
        self._head = self.inner.info
        head = {"format": FORMAT, "info": info_to_json(self._head)} | ({"tag": self._tag} if self._tag else {})
        self.path.write_text(json.dumps(head) + "\n", encoding="utf-8")

    def _of_another(self, info: ModelInfo) -> UsageError:
        there, now = info.name, self.inner.info.name
        how = f"{there}, computed or asked otherwise" if there == now else f"{there}, not of {now}"
        return UsageError(f"{self.path} is a recording of {how}; name another file.")

    @property
    def info(self) -> ModelInfo:
        """The inner model's."""
        return self.inner.info

    @property
    def served(self) -> Collection[str]:
        """What servers said of the models that answered, see ``CachedModel``."""
        return tuple(getattr(self.inner, "served", ()))

    def complete(self, request: Request) -> list[Completion]:
        """Return the inner model's samples after writing them down.

        Raises:
            ModelError: the inner model gave no answer; nothing is written.
        """
        done = self.inner.complete(request)
        key = request_key(self.info, request)
        with self._lock:
            if not _same(self._head, self.info):  # the model learnt how it is to be asked
                if self._known:
                    raise self._of_another(self._head)
                self._begin()
            if key not in self._known:
                self._known.add(key)
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": key, "completions": completions_to_json(done)}) + "\n")
        return done


class ReplayModel:
    """Answers from a recording alone; its ``info`` is the recorded model's.

    ``contents`` is a hash of who answered and what, in whatever order and under whatever name that lies in a file.

    Raises:
        UsageError: ``path`` is no recording.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info, _, self._answers, _ = _read(path)
        said = {key: completions_to_json(answers) for key, answers in self._answers.items()}
        told = json.dumps([info_to_json(self.info), said], sort_keys=True)
        self.contents = hashlib.sha256(told.encode()).hexdigest()[:16]

    def complete(self, request: Request) -> list[Completion]:
        """Return the recorded samples.

        Raises:
            ModelError: the recording has no such request.
        """
        key = request_key(self.info, request)
        if key not in self._answers:
            drawn = f"n={request.n}, temperature={request.temperature:g}, seed={request.seed}"
            raise ModelError(
                f"The recording {self.path} has no answer to this request ({drawn}): "
                f"it begins with {request.text[:60]!r} and ends with {request.text[-60:]!r}."
            )
        return list(self._answers[key])


def _same(recorded: ModelInfo, now: ModelInfo) -> bool:
    """Tell whether a recording is of that model; older ones do not say where it was asked."""
    return recorded == (now if recorded.endpoint else replace(now, endpoint=""))


def _read(path: Path) -> tuple[ModelInfo, str, dict[str, list[Completion]], int]:
    """Return who answered, the tag, the answers by key, and how many bytes are whole lines.

    A last line cut off by a kill does not count.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"The recording {path} cannot be read: {error.strerror}.") from error
    whole = data.rfind(b"\n") + 1
    lines = data[:whole].splitlines()
    number = 1
    try:
        head = json.loads(lines[0])
        if head["format"] != FORMAT:
            raise UsageError(f"The recording {path} has format {head['format']}, this program reads {FORMAT}.")
        answers = {}
        for line in lines[1:]:
            number += 1
            entry = json.loads(line)
            answers[entry["key"]] = completions_from_json(entry["completions"])
        return ModelInfo(**head["info"]), str(head.get("tag", "")), answers, whole
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise UsageError(f"{path} is no recording of a model: line {number} makes no sense.") from error
