"""Shows doctests in docstrings as code: an extension of griffe, which reads the docstrings for the site."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

DOCTEST = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)
FLAGS = re.compile(r" *# doctest: .*$", re.MULTILINE)


class Doctests(Extension):
    """Puts fences around doctests."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change what the docstring of ``obj`` says."""
        if obj.docstring:
            shown = DOCTEST.sub(lambda found: f"```pycon\n{found[0]}\n```", obj.docstring.value)
            obj.docstring.value = FLAGS.sub("", shown)
