"""Inspect evaluations with answers that are known, in a process of their own; prints what came out as JSON.

``python replayed_in_inspect.py RECORDING LOGS``: of the prompts' own answers in a recording, and of hostile ones.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HOSTILE = (
    "DROP TABLE exhibition",
    "ATTACH DATABASE '{new}' AS other",
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
    "SELECT 1; DELETE FROM exhibition",
    "SELECT '" + "x" * 100_000 + "'",
    "",
    "I cannot \0 answer \ud800 that.",
)


def outcome_of(log: Any) -> dict[str, Any]:
    assert log.status == "success", log.error
    samples = {}
    for sample in log.samples:
        [score] = sample.scores.values()
        shown = "\n".join(message.text for message in sample.messages if message.role != "assistant")
        samples[sample.id] = {
            "value": score.value, "answer": score.answer, "metadata": score.metadata, "shown": shown,
            "target": sample.target,
        }  # fmt: skip
    metrics = {
        f"{score.name} {name}": metric.value for score in log.results.scores for name, metric in score.metrics.items()
    }
    return {"samples": samples, "metrics": metrics, "task": log.eval.task, "metadata": log.eval.metadata}


def main(recording: str, logs: str) -> None:
    from inspect_ai import eval
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    from spider_opt.errors import GoldError
    from spider_opt.integrations import inspect_tasks as tasks
    from spider_opt.models import ReplayModel
    from spider_opt.types import Message, Outcome, Request, Verdict

    def evaluated(task: Any, answer: Any, **options: Any) -> dict[str, Any]:
        def asked(messages: Any, tools: Any, choice: Any, config: Any) -> ModelOutput:
            output = ModelOutput.from_content("mockllm/model", answer(messages, config))
            output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
            return output

        model = get_model("mockllm/model", custom_outputs=asked, memoize=False)
        [log] = eval(task, model=model, log_dir=logs, display="none", max_samples=8, **options)
        return outcome_of(log)

    replay = ReplayModel(Path(recording))

    def recorded(messages: Any, config: Any) -> str:
        own = tuple(Message(message.role, message.text) for message in messages)
        request = Request(own, temperature=config.temperature, max_tokens=config.max_tokens)
        return replay.complete(request)[0].text

    hostile = iter(text.replace("{new}", str(Path(logs, "attached.sqlite"))) for text in HOSTILE)
    told: dict[str, Any] = {
        "replayed": evaluated(tasks.spider_mini(), recorded),
        "hostile": evaluated(
            tasks.benchmark("spider-mini", timeout_s=0.5), lambda messages, config: next(hostile), limit=len(HOSTILE)
        ),
    }
    right, lost = Verdict(Outcome.CORRECT, "1 row"), GoldError("the gold query fails")
    nothing = Verdict(Outcome.NO_SQL, "no SQL in the answer")
    for name, sql, said, stopped in (
        ("no gold", "SELECT 1", {"official": lost, "strict": lost}, "stop"),
        ("no strict", "SELECT 1", {"official": right, "strict": lost}, "stop"),
        ("filtered", "", {"official": nothing}, "content_filter"),
    ):
        told[name] = tasks.scored(sql, said, "official", stopped).model_dump()
    try:
        tasks.spider_mini(method="vote:n=3")
    except Exception as error:
        told["refused"] = (type(error).__name__, getattr(error, "message", str(error)))
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
