"""The table of method steps."""

from __future__ import annotations

from spider_opt.methods import option_types, step_type, written
from spider_opt.steps import ALIASES, STEPS


def methods() -> str:
    """Return a table of our own steps and their options."""
    lines = ["| step | stage | options | what it does |", "|---|---|---|---|"]
    for name in sorted(STEPS):
        kind = step_type(name)
        defaults = {key: written(kind.__dataclass_fields__[key].default) for key in option_types(kind)}
        options = ", ".join(f"`{key}={value}`" for key, value in defaults.items())
        summary = (kind.__doc__ or "").strip().splitlines()[0].rstrip(".")
        lines.append(f"| `{name}` | {kind.stage.name.lower()} | {options} | {summary} |")
    lines += [f"| `{name}` | alias | | Stands for `{text}` |" for name, text in sorted(ALIASES.items())]
    return "\n".join(lines) + "\n"
