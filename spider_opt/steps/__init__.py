"""The table of method steps, by the name they have in a method's text.

More come from the entry-point group ``spider_opt.steps``: an installed package can add its own.
"""

STEPS = {
    "cot": "spider_opt.steps.cot:CoT",
    "difficulty": "spider_opt.steps.difficulty:Difficulty",
    "fewshot": "spider_opt.steps.fewshot:FewShot",
    "finetune": "spider_opt.steps.finetune:FineTuned",
    "first-valid": "spider_opt.steps.first_valid:FirstValid",
    "grammar": "spider_opt.steps.grammar:Grammar",
    "hyde": "spider_opt.steps.hyde:HyDE",
    "repair": "spider_opt.steps.repair:Repair",
    "retry": "spider_opt.steps.retry:Retry",
    "schema": "spider_opt.steps.schema:SchemaLinking",
    "vote": "spider_opt.steps.vote:Vote",
    "zero-shot": "spider_opt.steps.zero_shot:ZeroShot",
}
ALIASES = {
    "rag": "schema+repair",
}
"""Names for a combination of steps: what is recommended, by what was measured (``results/LOG.md``)."""
ENTRY_POINTS = "spider_opt.steps"
