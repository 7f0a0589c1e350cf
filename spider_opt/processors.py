"""How many processors there are to compute on."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path

_FAST = {"amx_bf16": "AMX", "avx512_bf16": "AVX-512 BF16", "avx512_vnni": "VNNI", "avx_vnni": "VNNI"}
"""What of a processor's instructions decides how fast a model is computed."""


def usable_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_name() -> str:
    """Return what the processor is called and which instructions for models it has, for figures to be read beside."""
    told: dict[str, str] = {}
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            told.setdefault(key.strip(), value.strip())
    name = told.get("model name") or platform.processor() or platform.machine() or "an unknown processor"
    fast = dict.fromkeys(called for flag, called in _FAST.items() if flag in told.get("flags", "").split())
    return f"{name} ({', '.join(fast) or 'none of AMX, BF16, VNNI known'})"
