"""A model each of whose requests becomes a span of OpenTelemetry's, with no text of a prompt or an answer in it.

Source: OpenTelemetry's semantic conventions for generative AI, https://opentelemetry.io/docs/specs/semconv/gen-ai/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from spider_opt.models.manner import AskedInAManner, Manner
from spider_opt.types import ChatModel, Completion, ModelInfo, Request, Usage

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

Attributes = dict[str, str | int | float | tuple[str, ...]]


class Traced(AskedInAManner):
    """Asks a model as it is; each call of it is a span of kind client, an error of it the span's."""

    def __init__(self, model: ChatModel, tracer: Tracer) -> None:
        super().__init__(model, Manner())
        self._tracer = tracer

    def complete(self, request: Request) -> list[Completion]:
        """Return the model's samples.

        Raises:
            ModelError: the model gave no answer.
        """
        from opentelemetry.trace import SpanKind, Status, StatusCode

        info = self.info
        with self._tracer.start_as_current_span(
            f"chat {info.name}", kind=SpanKind.CLIENT, attributes=_asked(info, request), record_exception=False,
            set_status_on_exception=False,
        ) as span:  # fmt: skip
            try:
                done = super().complete(request)
            except BaseException as error:  # its words may hold what a server was told
                span.set_attribute("error.type", type(error).__qualname__)
                span.set_status(Status(StatusCode.ERROR))
                raise
            span.set_attributes(_answered(done))
            return done


def _asked(info: ModelInfo, request: Request) -> Attributes:
    place = urlsplit(info.endpoint)
    found: Attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai" if info.endpoint else "spider-opt",
        "gen_ai.request.model": info.name,
        "gen_ai.request.choice.count": request.n,
        "gen_ai.request.temperature": float(request.temperature),
        "gen_ai.request.seed": request.seed,
        "gen_ai.request.max_tokens": request.max_tokens,
    }
    if request.stop:
        found["gen_ai.request.stop_sequences"] = tuple(request.stop)
    if place.hostname:
        found["server.address"] = place.hostname
        found |= {"server.port": place.port} if place.port else {}
    return found


def _answered(done: list[Completion]) -> Attributes:
    usage = sum((completion.usage for completion in done), Usage())
    found: Attributes = {
        "gen_ai.response.finish_reasons": tuple(completion.finish_reason for completion in done),
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
    }
    if usage.cached_tokens:
        found["gen_ai.usage.cache_read.input_tokens"] = usage.cached_tokens
    if served := next((completion.served for completion in done if completion.served), ""):
        found["gen_ai.response.model"] = served
    return found
