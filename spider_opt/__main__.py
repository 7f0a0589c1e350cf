"""``python -m spider_opt`` is the command ``spider-opt``.

An interrupt while the command's own modules are loaded, when there is nothing yet to be lost, ends it at once. This is
the first thing that is done: ``signal``, which takes longer to load, is left for later.
"""

import _signal  # type: ignore[import-not-found]
import atexit
import gc
import os
import sys

INTERRUPTED = 130
ALLOCATED = 20_000
"""Objects that are made before garbage is looked for; Python's 700 cost a tenth of what ``score`` takes."""
_ended_with: list[object] = []


def start() -> None:
    """Run the command."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, end_at_once)
    gc.set_threshold(ALLOCATED, 20, 20)
    from spider_opt.cli import main

    atexit.register(_end)  # the first, so that it comes last
    try:
        main(prog_name="spider-opt")
    except SystemExit as end:
        _ended_with.append(end.code)
        raise


def end_at_once(number: int, frame: object) -> None:
    """Say in one line that it was interrupted, and end."""
    os.write(2, b"\nInterrupted; nothing was begun.\n")
    os._exit(INTERRUPTED)


def _end() -> None:
    # Where an interrupt came while code was made of text, as dataclasses are, Python ends as if nobody had caught it.
    if _ended_with == [INTERRUPTED]:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(INTERRUPTED)


if __name__ == "__main__":
    start()
