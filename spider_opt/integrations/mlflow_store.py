"""Logs finished runs to MLflow: one MLflow run for each, which is found again and never made twice.

MLflow's own telemetry is switched off, and a server that is away is not waited for for minutes, unless the environment
says otherwise.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_opt.errors import SpiderOptError
from spider_opt.integrations.numbers_of_run import key_of, numbers, parameters, table_of_questions
from spider_opt.models.openai.urls import without_secrets
from spider_opt.paths import cache_dir, locked
from spider_opt.runs import Run
from spider_opt.runs.info import FILE
from spider_opt.runs.verdict_files import PREDICTIONS, VERDICTS

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "spider-opt"
"""Where runs are logged if ``MLFLOW_EXPERIMENT_NAME`` names no other."""
KEY = "spider_opt.key"
TABLE = "questions.json"
FINISHED = "FINISHED"
LONGEST = 6000
"""Letters that a parameter may have."""
AT_ONCE = 500
"""Numbers in one request: MLflow takes no more than 1,000."""
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
_NO_NAME = re.compile(r"[^\w./: -]", re.ASCII)  # MLflow's rule for the names of metrics


def log_to_mlflow(run: Run, uri: str = "") -> str:
    """Log a run, and return what came of it in one sentence.

    ``uri`` is MLflow's tracking URI: ``http://…``, ``sqlite:///mlflow.db``; '' is what MLflow itself takes
    (``MLFLOW_TRACKING_URI``). A run that is there already, with the same answers and verdicts, is left as it is; one
    whose logging was stopped is gone on with.

    Raises:
        SpiderOptError: it cannot be logged; the run itself is as it was.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        return _logged(run, uri)
    except SpiderOptError:
        raise
    except Exception as error:  # MLflow's, SQLAlchemy's, requests': whatever store is behind it
        said = without_secrets(" ".join(str(error).split())) or type(error).__name__
        raise SpiderOptError(f"{run.where} is not logged to MLflow: {said[:500]}") from error


def _logged(run: Run, uri: str) -> str:
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    client, key = MlflowClient(uri or None), key_of(run)
    where = without_secrets(client.tracking_uri)
    place = cache_dir() / "logging"
    place.mkdir(parents=True, exist_ok=True)
    with locked(place, wait=True):  # or two at the same time would each find none, and make one
        experiment = _experiment(client)
        there = client.search_runs([experiment], f"tags.`{KEY}` = '{key}'", max_results=1)
        if there and there[0].info.status == FINISHED:
            return f"{run.where} is in MLflow already ({where}, run {there[0].info.run_id})"
        told = client.create_run(experiment, tags={KEY: key}, run_name=run.name) if not there else there[0]
        run_id = told.info.run_id
        _fill(client, run_id, run)
        client.set_terminated(run_id, FINISHED)
    return f"logged {run.where} to MLflow ({where}, run {run_id})"


def _experiment(client: MlflowClient) -> str:
    if known := os.environ.get("MLFLOW_EXPERIMENT_ID", "").strip():
        return known
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "").strip() or EXPERIMENT
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name))
    if found.lifecycle_stage != "active":
        raise SpiderOptError(
            f"the experiment {name!r} is deleted in MLflow: restore it there, or name another one by "
            "MLFLOW_EXPERIMENT_NAME"
        )
    return str(found.experiment_id)


def _fill(client: MlflowClient, run_id: str, run: Run) -> None:
    """Write all there is of a run; doing so twice leaves what doing it once does."""
    from mlflow.entities import Metric, Param, RunTag

    begun = client.get_run(run_id).info.start_time  # the same for each try, so that no number stands there twice
    told = _named(numbers(run))
    table = json.dumps([{"path": TABLE, "type": "table"}])
    tags = {
        "mlflow.loggedArtifacts": table,
        "mlflow.note.content": str(run),
        "spider_opt.benchmark": run.info.asked,
        "spider_opt.method": run.info.method,
    }
    metrics = [Metric(name, value, begun, 0) for name, value in told.items()]
    for start in range(0, len(metrics), AT_ONCE):
        client.log_batch(run_id, metrics=metrics[start : start + AT_ONCE])
    client.log_batch(
        run_id,
        params=[Param(name, _cut(value)) for name, value in parameters(run).items()],
        tags=[RunTag(name, _cut(value)) for name, value in tags.items()],
    )
    for file, text in _files(run).items():
        client.log_text(run_id, text(), file)


def _files(run: Run) -> Mapping[str, Callable[[], str]]:
    texts: dict[str, Callable[[], str]] = {
        FILE: lambda: json.dumps(run.info.to_json(), indent=1) + "\n",
        TABLE: lambda: json.dumps(table_of_questions(run)),
    }
    for file in (PREDICTIONS, VERDICTS):
        if run.folder is not None and (path := run.folder / file).exists():
            texts[file] = _read(path)
    return texts


def _read(path: Path) -> Callable[[], str]:
    return lambda: path.read_text(encoding="utf-8")


def _named(told: Mapping[str, float]) -> dict[str, float]:
    """Return numbers by names that MLflow takes; two of ours never become one of them.

    >>> list(_named({"ex/easy": 1.0})), len(_named({"ex/a+b": 1.0, "ex/a*b": 2.0}))
    (['ex/easy'], 2)
    """
    return {_allowed(name): value for name, value in told.items()}


def _allowed(name: str) -> str:
    if not _NO_NAME.search(name) and len(name) <= 200 and os.path.normpath(name) == name:
        return name
    told = _NO_NAME.sub("_", name)[:200].replace("..", "__").strip("/")
    return f"{told}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _cut(value: Any) -> str:
    text = str(value).encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
