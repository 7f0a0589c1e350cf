"""Spans of a run, as a collector gets them."""

from __future__ import annotations

import gzip
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel

from spider_opt.benchmarks import load
from spider_opt.errors import ModelError, RunError, UsageError
from spider_opt.evaluation import spans as spans_module
from spider_opt.evaluation.running import evaluate
from spider_opt.evaluation.spans import Spans, spans_of
from spider_opt.types import Completion, ModelInfo, Request, Usage

BENCHMARK = load("spider-mini")
GOLDS = {example.question.text: example.gold_sql for example in BENCHMARK.examples}


class Collector:
    """Keeps the spans that it is sent, by the number of an answer that it gives."""

    def __init__(self) -> None:
        self.url, self.status = "", 200
        self.spans: list[Any] = []
        self.resources: list[Any] = []
        self.paths: set[str] = set()


@pytest.fixture
def collector() -> Iterator[Collector]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            sent = ExportTraceServiceRequest.FromString(body)
            found.paths.add(self.path)
            if found.status == 200:
                for one in sent.resource_spans:
                    found.resources.append(one.resource)
                    found.spans += [span for scope in one.scope_spans for span in scope.spans]
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def said(span: Any) -> dict[str, Any]:
    def of(value: Any) -> Any:
        kind = value.WhichOneof("value")
        return [of(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)

    return {one.key: of(one.value) for one in span.attributes}


def answer(request: Request) -> list[Completion]:
    gold = next(sql for text, sql in GOLDS.items() if text in request.text)
    return [Completion(gold, Usage(1, 50, 40, 9, 0.5)), *[Completion("SELECT 1")] * (request.n - 1)]


def model(cache_tag: str = "fake") -> FakeModel:
    info = ModelInfo("fake", "ab" * 32, endpoint="http://models.example:8000/v1")
    return FakeModel(answer, info=info, cache_tag=cache_tag)


def test_a_run_its_questions_and_the_calls_of_its_model(collector: Collector) -> None:
    asked = model()
    run = evaluate("vote:n=3+zero-shot", BENCHMARK, model=asked, limit=6, concurrency=3, progress=False,
                   spans=f"otlp={collector.url}")  # fmt: skip
    assert collector.paths == {"/v1/traces"}
    assert {attribute.key: attribute.value.string_value for attribute in collector.resources[0].attributes}[
        "service.name"
    ] == "spider-opt"
    by_name: dict[str, list[Any]] = {}
    for span in collector.spans:
        by_name.setdefault(span.name, []).append(span)
    [whole] = by_name.pop("eval")
    assert said(whole) == {
        "spider_opt.method": run.info.method,
        "spider_opt.benchmark": "spider-mini test",
        "gen_ai.request.model": "fake",
    }
    questions = by_name.pop("question")
    assert {span.parent_span_id for span in questions} == {whole.span_id}
    assert sorted(said(span)["spider_opt.question.id"] for span in questions) == sorted(a.id for a in run.answers)
    calls = by_name.pop("chat fake")
    assert by_name == {}
    assert len(calls) == len(asked.requests)
    assert {span.parent_span_id for span in calls} == {span.span_id for span in questions}
    assert {span.trace_id for span in collector.spans} == {whole.trace_id}
    told = [said(span) for span in calls]
    assert sum(one["gen_ai.usage.input_tokens"] for one in told) == asked.spent.prompt_tokens
    assert sum(one["gen_ai.usage.output_tokens"] for one in told) == asked.spent.completion_tokens
    assert {one["server.address"] for one in told} == {"models.example"}
    assert {one["server.port"] for one in told} == {8000}
    assert all(set(one["gen_ai.response.finish_reasons"]) == {"stop"} for one in told)
    for span in collector.spans:
        assert whole.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
    text = " ".join(map(str, collector.spans))
    assert not any(words in text for words in GOLDS)
    assert "SELECT" not in text


def test_what_was_kept_is_no_call(collector: Collector) -> None:
    where = f"otlp={collector.url}"
    evaluate("zero-shot", BENCHMARK, model=model(), limit=4, progress=False)
    evaluate("zero-shot", BENCHMARK, model=model(), limit=4, out="again", progress=False, spans=where)
    assert sorted(span.name for span in collector.spans) == ["eval", *["question"] * 4]


def test_an_error_is_one_without_its_words(collector: Collector) -> None:
    failing = FakeModel(ModelError("the secret words of a server"))
    with pytest.raises(RunError):
        evaluate("zero-shot", BENCHMARK, model=failing, limit=2, progress=False, spans=f"otlp={collector.url}")
    failed = [span for span in collector.spans if span.name != "eval"]
    assert len(failed) == 4
    assert {said(span)["error.type"] for span in failed} == {"ModelError"}
    assert {span.status.code for span in failed} == {2}
    assert "secret" not in " ".join(map(str, collector.spans))


def test_a_function_of_ones_own(collector: Collector) -> None:
    evaluate(lambda question, database: "SELECT 1", BENCHMARK, limit=3, progress=False, spans=f"otlp={collector.url}")
    assert sorted(span.name for span in collector.spans) == ["eval", *["question"] * 3]


@pytest.mark.parametrize("trouble", ["refused", "nobody"])
def test_a_collector_that_fails_costs_no_run(
    collector: Collector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(spans_module, "WAIT_S", 0.2)
    collector.status = 400
    url = collector.url if trouble == "refused" else "http://me:secret@127.0.0.1:9"
    with caplog.at_level(logging.WARNING):
        run = evaluate("zero-shot", BENCHMARK, model=model(), limit=2, progress=False, spans=f"otlp={url}")
    assert run.n == 2
    [told] = [record.getMessage() for record in caplog.records if "could not be sent" in record.getMessage()]
    assert told.startswith("5 spans of this run could not be sent to otlp=http://")
    assert told.endswith("; the run itself is whole")
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "text", ["", "oltp", "otlp=", "otlp=localhost:4318", "otlp=ftp://x", "otlp=http://", "http://x"]
)
def test_what_is_no_place_for_spans(text: str) -> None:
    with pytest.raises(UsageError, match=r"spans go to otlp or otlp=http://HOST:4318"):
        spans_of(text)


def test_where_spans_go() -> None:
    assert spans_of("otlp") == Spans("")
    assert spans_of("otlp=http://localhost:4318/") == Spans("http://localhost:4318/v1/traces")
    assert spans_of(" otlp = https://a.b/own/path ") == Spans("https://a.b/own/path")
    assert str(Spans("http://me:secret@h/v1/traces")) == "otlp=http://h/v1/traces"


def test_the_packages_are_named_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans_module, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"spans need more packages: pip install 'spider-opt\[otel\]'"):
        evaluate("zero-shot", BENCHMARK, model=FakeModel(), limit=1, progress=False, spans="otlp")
