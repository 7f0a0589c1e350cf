"""What a server says of the model that answers, in a run's ``run.json``.

A model that is swapped under one name at one URL can't be seen. What can is what the server says with each answer: the
model's name, where that is not what was asked for, and a version of it. A run notes all it was told, in order, and says
so when another one joins those of before.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from spider_opt.runs.info import RunInfo
from spider_opt.types import ChatModel

_LOG = logging.getLogger("spider_opt")


class Served:
    """Notes in the ``run.json`` of a folder what ``model`` says that it is ``served`` by, if it says anything."""

    def __init__(self, folder: Path, model: ChatModel) -> None:
        self._folder = folder
        self._model = model
        self._before = RunInfo.read(folder).served
        self._noted = set(self._before)

    def note(self) -> None:
        """Write down what was not known before the last answer.

        Raises:
            OSError: it cannot be written.
        """
        new = [name for name in getattr(self._model, "served", ()) if name not in self._noted]
        if not new:
            return
        if self._before and self._noted == set(self._before):
            _LOG.warning(
                "%s: answers come from %r now, those that are there from %r.",
                self._folder, ", ".join(new), ", ".join(self._before),
            )  # fmt: skip
        self._noted |= set(new)
        info = RunInfo.read(self._folder)
        replace(info, served=[*info.served, *new]).write(self._folder)
