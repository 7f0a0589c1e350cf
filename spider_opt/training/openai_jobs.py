"""Hosted fine-tuning: upload, ask for a job, follow it, cancel it, and go on wherever that was stopped.

What is done is written to ``job.json`` (see ``job_state``) before and after each step. Where an answer was lost, the
provider is asked what it has before it is asked again: nothing is uploaded and no job begun twice.

Source: https://developers.openai.com/api/docs/guides/supervised-fine-tuning. OpenAI is closing it: new jobs are
refused to those who have not used it lately, and to everyone from 2027-01-06
(https://developers.openai.com/api/docs/deprecations). Others have copied the interface.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

from spider_opt.errors import ModelError, RunError
from spider_opt.training.chat_jsonl import Checked
from spider_opt.training.job_replies import Event, Job, NotThere, Passing
from spider_opt.training.job_state import FILE, FINISHED, JobState, Settings, Upload, held, load, save, state_for
from spider_opt.training.openai_api import Provider

POLL_S = 10.0
LONGEST_PAUSE_S = 60.0
PATIENCE_S = 3600.0
P = ParamSpec("P")
T = TypeVar("T")
Tell = Callable[[Event], None]
Sleep = Callable[[float], None]


def tune(
    folder: Path,
    settings: Settings,
    train: Checked,
    validation: Checked | None = None,
    *,
    tell: Tell,
    sleep: Sleep = time.sleep,
) -> JobState:
    """Upload the files and ask for the job, each unless that is done; return what is known of the job.

    Raises:
        RunError: the folder is for another job, or in use.
        ModelError: the provider does not take the files or the job.
    """
    files = {"train": train} | ({"validation": validation} if validation else {})
    with held(folder):
        state = state_for(folder, settings, {part: file.sha256 for part, file in files.items()})
        if state.job is not None:
            return state
        with Provider(settings) as provider:
            begin = _Begin(folder, state, provider, _Patience(tell, sleep, 300.0))
            for part, file in files.items():
                begin.upload(part, file)
            return begin.job()


def follow(folder: Path, *, tell: Tell, sleep: Sleep = time.sleep, poll_s: float = POLL_S) -> JobState:
    """Tell what happens to the folder's job until it has succeeded.

    A lost connection and a busy server are waited for, up to an hour without an answer.

    Raises:
        RunError: there is no job, or it has failed, was cancelled, or is gone.
        ModelError: the provider cannot be asked.
    """
    state = load(folder)
    if state is None or state.job is None:
        raise RunError(f"There is no job in {folder} to follow.")
    if state.status == "succeeded":
        return state
    again = f"To start again, remove {folder / FILE} and type the same command."
    with Provider(state.settings, reached=True) as provider:
        ask = _Patience(tell, sleep, PATIENCE_S, " The job goes on; the same command follows it again.")
        while True:
            try:
                job, events, checkpoints = ask(provider.news, state.job, state.last_event)
            except NotThere as error:
                raise RunError(f"{state.settings.base_url} no longer knows the job {state.job}. {again}") from error
            for event in events:
                tell(event)
            known = {one.model for one in state.checkpoints}
            for one in checkpoints:
                if one.model not in known:
                    tell(Event(f"checkpoint at step {one.step}: {one.model}"))
            if job.status != state.status:
                tell(Event(f"status of {job.id}: {job.status}"))
            last = events[-1].id if events else state.last_event
            state = save(folder, _told(replace(state, last_event=last, checkpoints=checkpoints), job))
            if job.status == "succeeded":
                return state
            if job.status in FINISHED:
                done = "was cancelled" if job.status == "cancelled" else f"failed: {job.error or 'it is not said why'}"
                raise RunError(f"The job {job.id} {done.rstrip('.')}. {again}")
            sleep(poll_s)


def cancel(folder: Path) -> JobState:
    """Stop the folder's job; return what is known of it then.

    Raises:
        RunError: there is no job, or it is over.
        ModelError: the provider cannot be asked.
    """
    state = load(folder)
    if state is None or not state.asked:
        raise RunError(f"There is no job in {folder} to cancel.")
    with Provider(state.settings) as provider:
        job = provider.job(state.job) if state.job else provider.find(str(state.files["train"].id))
        if job is None:
            raise RunError(f"There is no job in {folder} to cancel.")
        if job.status in FINISHED:
            raise RunError(f"The job {job.id} is over already ({job.status}).")
        return save(folder, _told(state, provider.cancel(job.id)))


class _Begin:
    """Does what has to be done once; each step may be tried several times."""

    def __init__(self, folder: Path, state: JobState, provider: Provider, ask: _Patience) -> None:
        self._folder = folder
        self._state = state
        self._provider = provider
        self._ask = ask

    def upload(self, part: str, file: Checked) -> None:
        """Send a file unless the provider has it, and wait until it can be used."""
        if self._state.files[part].id is None:
            name = f"{part}-{file.sha256[:16]}.jsonl"
            self._ask.tell(Event(f"uploading {file.path} ({file.path.stat().st_size / 1e6:,.1f} MB)"))
            self._note(part, id=self._ask(self._sent, part, file.path, name))
        for pause_s in (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0):
            if self._ask(self._provider.is_ready, str(self._state.files[part].id)):
                return
            self._ask.sleep(pause_s)  # some never say that they are ready: then the job is asked for all the same

    def job(self) -> JobState:
        """Ask for the job unless it was asked for and is there."""
        job = self._ask(self._created)
        self._ask.tell(Event(f"the job is {job.id}"))
        return save(self._folder, _told(self._state, job))

    def _sent(self, part: str, path: Path, name: str) -> str:
        found = self._provider.uploaded(name) if self._state.files[part].asked else None
        self._note(part, asked=True)
        return found or self._provider.upload(path, name)

    def _created(self) -> Job:
        files = {part: str(file.id) for part, file in self._state.files.items()}
        found = self._provider.find(files["train"]) if self._state.asked else None
        if found is not None:
            return found
        self._state = save(self._folder, replace(self._state, asked=True))
        try:
            return self._provider.create(files)
        except ModelError as error:
            if not isinstance(error, Passing):
                self._refused(str(error))
            raise

    def _refused(self, said: str) -> None:
        """Free the folder for other settings, and forget uploads that the provider complains of."""
        files = {
            part: Upload(file.sha256) if str(file.id) in said else file for part, file in self._state.files.items()
        }
        self._state = save(self._folder, replace(self._state, files=files, asked=False))

    def _note(self, part: str, **changes: object) -> None:
        files = {**self._state.files, part: replace(self._state.files[part], **changes)}  # type: ignore[arg-type]
        self._state = save(self._folder, replace(self._state, files=files))


class _Patience:
    """Asks again, ever more rarely or when the server says, and says so; up to ``most_s`` without an answer."""

    def __init__(self, tell: Tell, sleep: Sleep, most_s: float, given_up: str = "") -> None:
        self.tell = tell
        self.sleep = sleep
        self._most_s = most_s
        self._given_up = given_up

    def __call__(self, call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        waited_s, pause_s = 0.0, 1.0
        while True:
            try:
                return call(*args, **options)
            except Passing as error:
                wait_s = error.wait_s or pause_s
                if waited_s + wait_s > self._most_s:
                    raise Passing(f"{error}{self._given_up}") from error
                self.tell(Event(f"{str(error).rstrip('.')}; asking again in {wait_s:.0f} s"))
            self.sleep(wait_s)
            waited_s, pause_s = waited_s + wait_s, min(2 * pause_s, LONGEST_PAUSE_S)


def _told(state: JobState, job: Job) -> JobState:
    """Take over what the provider says of the job."""
    return replace(
        state, job=job.id, status=job.status, fine_tuned_model=job.fine_tuned_model, trained_tokens=job.trained_tokens
    )
