"""The table of method steps, by the name they have in a method's text.

More come from the entry-point group ``spider_opt.steps``: an installed package can add its own.
"""

STEPS = {
    "zero-shot": "spider_opt.steps.zero_shot:ZeroShot",
}
ALIASES: dict[str, str] = {}
"""Names for a combination of steps."""
ENTRY_POINTS = "spider_opt.steps"
