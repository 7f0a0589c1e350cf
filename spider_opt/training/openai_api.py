"""The fine-tuning API as OpenAI made it and others copied it; exceptions of ``openai`` end here.

Every call is made once: who asks decides what to do about a server that is busy or gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from spider_opt.errors import ModelError, ModelUnavailable
from spider_opt.models.openai.keys import VARIABLE, key_for
from spider_opt.models.openai.refusals import Refusal
from spider_opt.models.openai.urls import is_loopback
from spider_opt.models.openai.wire import CONNECT_TIMEOUT_S
from spider_opt.training.job_replies import (
    Event,
    Job,
    NotThere,
    Passing,
    checkpoint_of,
    event_of,
    job_of,
    passes,
    wait_s,
)
from spider_opt.training.job_state import Checkpoint, Settings
from spider_opt.wording import argument

if TYPE_CHECKING:
    import openai

TIMEOUT_S = 120.0  # without a single byte; an upload as a whole may take longer
_PAGE = 100
_MOST_JOBS = 300
_JOB = ("id", "status")
T = TypeVar("T")


class Provider:
    """One endpoint, for one model. The key is taken from ``OPENAI_API_KEY``; a server on this machine needs none.

    ``reached`` says that it has answered before: then a connection that cannot be made is passing.

    Raises:
        ModelUnavailable: there is no key.
    """

    def __init__(self, settings: Settings, *, reached: bool = False) -> None:
        import openai

        self._settings = settings
        self._reached = reached
        local = is_loopback(settings.base_url)
        self._client = openai.OpenAI(
            api_key=api_key(settings.base_url),
            base_url=settings.base_url,
            max_retries=0,
            timeout=openai.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            # A proxy from the environment cannot reach a server on this machine.
            http_client=openai.DefaultHttpxClient(trust_env=False) if local else None,
        )

    def __enter__(self) -> Provider:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def upload(self, path: Path, name: str) -> str:
        """Send a training file under a name; return its id."""
        with path.open("rb") as file:
            sent = self._ask(lambda: self._client.files.create(file=(name, file), purpose="fine-tune"), "id")
        return sent.id

    def uploaded(self, name: str) -> str | None:
        """Return the id of the file with that name, if it is there."""
        try:
            page = self._ask(lambda: self._client.files.list(purpose="fine-tune"))
        except NotThere:  # a provider that lists no files; sent twice does no harm
            return None
        return next((str(file.id) for file in page.data or () if file.filename == name), None)

    def is_ready(self, file: str) -> bool:
        """Tell whether an uploaded file can be used; some providers look through it first."""
        try:
            status = self._ask(lambda: self._client.files.retrieve(file)).status
        except NotThere:  # a provider that only takes files
            return True
        return status not in ("uploaded", "pending", "running")

    def create(self, files: Mapping[str, str]) -> Job:
        """Ask for a job; ``files`` are ids by part, train and validation."""
        settings = self._settings
        options: dict[str, Any] = {
            "validation_file": files.get("validation"),
            "method": {"type": "supervised", "supervised": {"hyperparameters": settings.hyperparameters()}},
            "seed": settings.seed,
            "suffix": settings.suffix,
        }
        given = {name: value for name, value in options.items() if value is not None}
        create = self._client.fine_tuning.jobs.create
        return job_of(self._ask(lambda: create(model=settings.model, training_file=files["train"], **given), *_JOB))

    def find(self, training_file: str) -> Job | None:
        """Return the newest job that learns from that file."""
        page = self._ask(lambda: self._client.fine_tuning.jobs.list(limit=_PAGE))
        jobs = self._all(page, lambda job: bool(job.training_file == training_file), _MOST_JOBS)
        return job_of(jobs[-1]) if jobs and jobs[-1].training_file == training_file else None

    def news(self, job: str, after: str | None) -> tuple[Job, list[Event], tuple[Checkpoint, ...]]:
        """Look at a job, what happened after the event ``after`` (oldest first), and all its models on the way.

        The job is looked at first: where it is over, the events are all there are.
        """
        return self.job(job), self.events(job, after), self.checkpoints(job)

    def job(self, job: str) -> Job:
        """Look at a job."""
        return job_of(self._ask(lambda: self._client.fine_tuning.jobs.retrieve(job), *_JOB))

    def cancel(self, job: str) -> Job:
        """Stop a job."""
        return job_of(self._ask(lambda: self._client.fine_tuning.jobs.cancel(job), *_JOB))

    def events(self, job: str, after: str | None) -> list[Event]:
        """Return what happened after the event ``after``, oldest first.

        The API gives the newest first, and its own ``after`` leads further into the past.
        """
        page = self._ask(lambda: self._client.fine_tuning.jobs.list_events(job, limit=_PAGE))
        found = self._all(page, lambda event: bool(event.id == after))
        return [event_of(event) for event in reversed(found) if event.id != after]

    def checkpoints(self, job: str) -> tuple[Checkpoint, ...]:
        """Return the models on the way by their step; none where the provider keeps none."""
        try:
            page = self._ask(lambda: self._client.fine_tuning.jobs.checkpoints.list(job, limit=_PAGE))
        except NotThere:
            return ()
        found = [checkpoint_of(one) for one in self._all(page)]
        return tuple(sorted(found, key=lambda one: one.step))

    def _all(self, page: Any, last: Callable[[Any], bool] = lambda _: False, most: int | None = None) -> list[Any]:
        """Turn pages until ``last``, which is in the list too; a server that gives the same page again ends it."""
        found: dict[str, Any] = {}
        while True:
            before = len(found)
            for one in page.data or ():
                found[one.id] = one
                if last(one):
                    return list(found.values())
            if len(found) == before or not page.has_next_page() or (most and len(found) >= most):
                return list(found.values())
            page = self._ask(page.get_next_page)

    def _ask(self, call: Callable[[], T], *needs: str) -> T:
        """Make one call, whose answer has the fields ``needs``.

        Raises:
            Passing: the same call may succeed later.
            NotThere: 404.
            ModelError: it cannot succeed as it is.
        """
        import openai

        url = self._settings.base_url
        try:
            reply = call()
            readable = isinstance(reply, openai.BaseModel) and all(getattr(reply, name, None) for name in needs)
        except openai.OpenAIError as error:
            self._reached |= isinstance(error, openai.APIStatusError)
            said = _translated(error, self._settings.model, url)
            if isinstance(error, openai.NotFoundError):
                raise NotThere(str(said)) from None
            if passes(error, said, self._reached):
                raise Passing(str(said), wait_s(error)) from None
            raise said from None
        except (ValueError, AttributeError):  # what the client makes of no JSON, and of HTML instead of a list
            readable = False
        if not readable:
            kind = Passing if self._reached else ModelUnavailable
            raise kind(f"{url} gave no answer of a fine-tuning API; is the base URL right?")
        self._reached = True
        return reply


def _translated(error: openai.OpenAIError, model: str, base_url: str) -> ModelError:
    """Say in one sentence what an exception of ``openai`` means."""
    import openai

    cause = type(error.__cause__).__name__
    if isinstance(error, openai.APIStatusError):
        refusal = Refusal(error.status_code, error.response.content, secrets=(api_key(base_url),))
        return refusal.error(model, base_url, f"the key in {VARIABLE}", answered=False)
    if isinstance(error, openai.APITimeoutError) and cause != "ConnectTimeout":
        return ModelError(f"{model} at {base_url} gave no answer within {TIMEOUT_S:g} s.")
    if isinstance(error, openai.APIConnectionError):
        if cause in ("ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol"):
            return ModelUnavailable(f"Nothing answers at {base_url}; check {argument('base_url')} and the network.")
        return ModelError(f"The connection to {base_url} broke ({cause}).")
    return ModelError(f"{model} at {base_url} gave no answer.")


def api_key(base_url: str) -> str:
    """Return the key for an endpoint.

    Raises:
        ModelUnavailable: there is none, or it cannot be sent.
    """
    return key_for(base_url, None, needed=not is_loopback(base_url)) or "none"
