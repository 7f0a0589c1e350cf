"""Spans of OpenTelemetry's: a run, in it a question each, in these what a model was asked anew."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from spider_opt import __version__
from spider_opt.errors import UsageError
from spider_opt.models.openai.urls import without_secrets
from spider_opt.runs import RunInfo
from spider_opt.types import Generator, Prediction, Task
from spider_opt.wording import counted

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

_LOG = logging.getLogger("spider_opt")
OTLP = "otlp"
_PACKAGES = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
WAIT_S = 5.0
"""For each batch of spans that a collector takes: one that is silent holds up no run for longer."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Where spans go: ``url`` is that of a collector, '' for what OpenTelemetry's environment variables say."""

    url: str = ""

    def __str__(self) -> str:
        """Return it as it is typed, without a password."""
        return f"{OTLP}={without_secrets(self.url)}" if self.url else OTLP


def spans_of(text: str) -> Spans:
    """Return where spans go: ``otlp``, or ``otlp=http://localhost:4318``, to whose ``/v1/traces`` they are sent.

    Raises:
        UsageError: it names nothing of that kind, or the packages are not installed.
    """
    name, equals, url = (part.strip() for part in text.partition("="))
    place = urlsplit(url)
    if name != OTLP or (equals and not (place.scheme in ("http", "https") and place.hostname)):
        raise UsageError(
            f"spans go to {OTLP} or {OTLP}=http://HOST:4318, a collector's address, and {text!r} is neither"
        )
    try:
        lacking = [package for package in _PACKAGES if find_spec(package) is None]
    except ModuleNotFoundError:
        lacking = [*_PACKAGES]
    if lacking:
        raise UsageError("spans need more packages: pip install 'spider-opt[otel]'")
    return Spans(urlunsplit(place._replace(path="/v1/traces")) if url and place.path in ("", "/") else url)


@contextmanager
def tracing(spans: Spans | None) -> Iterator[Tracer | None]:
    """Yield what begins spans, and send at the end what is not sent yet; a collector that fails costs no run."""
    if spans is None:
        yield None
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    exporter = OTLPSpanExporter(endpoint=spans.url or None, timeout=WAIT_S)

    class Counting(SpanExporter):
        """Sends spans, and counts those that could not be sent."""

        lost = 0

        def export(self, batch: Any) -> SpanExportResult:
            spans_sent: list[ReadableSpan] = [*batch]
            try:
                result = exporter.export(spans_sent)
            except Exception:  # whatever it is, it is the collector's
                result = SpanExportResult.FAILURE
            self.lost += 0 if result is SpanExportResult.SUCCESS else len(spans_sent)
            return result

        def shutdown(self) -> None:
            exporter.shutdown()  # type: ignore[no-untyped-call]

    sender = Counting()
    provider = TracerProvider(
        resource=Resource.create({"service.name": "spider-opt", "service.version": __version__}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(sender))
    theirs = logging.getLogger("opentelemetry")
    before = theirs.level
    theirs.setLevel(logging.CRITICAL)  # what is lost is told once, at the end
    try:
        yield provider.get_tracer("spider_opt", __version__)
    finally:
        provider.shutdown()
        theirs.setLevel(before)
        if sender.lost:
            _LOG.warning(
                "%s of this run could not be sent to %s; the run itself is whole", counted(sender.lost, "span"), spans
            )


def begin_run(tracer: Tracer, info: RunInfo) -> Span:
    """Begin the span of a run; whoever begins it ends it."""
    return tracer.start_span(
        "eval",
        attributes={
            "spider_opt.method": info.method,
            "spider_opt.benchmark": f"{info.benchmark} {info.split}",
            "gen_ai.request.model": info.model,
        },
    )


def with_spans(generator: Generator, tracer: Tracer, run: Span) -> Generator:
    """Return a generator each of whose questions is a span within that of the run."""
    from opentelemetry.trace import Status, StatusCode, set_span_in_context

    parent = set_span_in_context(run)

    def generate(task: Task) -> Prediction:
        question = task.question
        with tracer.start_as_current_span(
            "question", context=parent, record_exception=False, set_status_on_exception=False,
            attributes={"spider_opt.question.id": question.id, "db.namespace": question.db_id},
        ) as span:  # fmt: skip
            try:
                return generator(task)
            except BaseException as error:
                span.set_attribute("error.type", type(error).__qualname__)
                span.set_status(Status(StatusCode.ERROR))
                raise

    return generate
