"""Hosted jobs against a local copy of the API that does everything wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from fake_tuning import FakeTuning, refused

from spider_opt.errors import ModelError, ModelUnavailable, RunError, UsageError
from spider_opt.training.chat_jsonl import Checked, check_jsonl
from spider_opt.training.job_replies import Event
from spider_opt.training.job_state import JobState, Settings, load
from spider_opt.training.openai_jobs import cancel, follow, tune

KEY = "sk-secret-of-the-test"
JOBS, ONE, EVENTS = "/fine_tuning/jobs", r"/fine_tuning/jobs/[^/]+", r"/fine_tuning/jobs/[^/]+/events"


@dataclass
class Work:
    """A folder with data, and the API."""

    fake: Any
    folder: Path
    settings: Settings
    train: Checked
    validation: Checked
    told: list[Event] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def tune(self, **changes: Any) -> JobState:
        settings = replace(self.settings, **changes)
        return tune(self.folder, settings, self.train, self.validation, tell=self.told.append, sleep=self.slept.append)

    def follow(self) -> JobState:
        return follow(self.folder, tell=self.told.append, sleep=self.slept.append, poll_s=7.0)

    def texts(self) -> list[str]:
        return [event.text for event in self.told]


def write(path: Path, n: int, word: str = "item") -> Checked:
    chats = (
        {"messages": [{"role": "user", "content": f"{word} {i}?"}, {"role": "assistant", "content": f"SELECT {i}"}]}
        for i in range(n)
    )
    path.write_text("".join(json.dumps(chat) + "\n" for chat in chats))
    return check_jsonl(path)


@pytest.fixture
def fake() -> Iterator[Any]:
    with FakeTuning.serving() as fake:
        yield fake


@pytest.fixture
def work(fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings = Settings("gpt-4.1-nano-2025-04-14", fake.url, epochs=2, seed=7, suffix="sql")
    return Work(fake, tmp_path, settings, write(tmp_path / "t.jsonl", 12), write(tmp_path / "v.jsonl", 10, "other"))


def test_the_whole_way(work: Work) -> None:
    begun = work.tune()
    assert (begun.job, begun.status, begun.fine_tuned_model) == ("ftjob-1", "validating_files", None)
    done = work.follow()
    assert done == load(work.folder)
    assert (done.status, done.fine_tuned_model) == ("succeeded", "ft:gpt-4.1-nano-2025-04-14:org:sql:x")
    assert done.trained_tokens == 1234
    assert [(one.step, one.metrics) for one in done.checkpoints] == [
        (2, {"train_loss": 0.9}),
        (4, {"train_loss": 0.25}),
    ]
    assert [file["content"] for file in work.fake.files.values()] == [
        (work.folder / name).read_text() for name in ("t.jsonl", "v.jsonl")
    ]
    [body] = work.fake.bodies
    assert body == {
        "model": "gpt-4.1-nano-2025-04-14",
        "training_file": "file-1",
        "validation_file": "file-2",
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
        "seed": 7,
        "suffix": "sql",
    }
    steps = [(event.step, event.steps, event.loss) for event in work.told if event.step]
    assert steps == [(1, 4, 1.5), (2, 4, 0.9), (3, 4, 0.5), (4, 4, 0.25)]
    assert [t for t in work.texts() if t.startswith(("status", "The job"))] == [
        "status of ftjob-1: running",
        "The job has successfully completed",
        "status of ftjob-1: succeeded",
    ]
    assert sum("checkpoint at step" in text for text in work.texts()) == 2
    assert work.slept == [7.0] * 3
    assert set(work.fake.keys) == {f"Bearer {KEY}"}


def test_what_is_left_open_is_not_sent(work: Work) -> None:
    work.settings = Settings("gpt-4o", work.fake.url)
    state = tune(work.folder, work.settings, work.train, tell=work.told.append)
    assert state.files.keys() == {"train"}
    assert work.fake.bodies == [
        {
            "model": "gpt-4o",
            "training_file": "file-1",
            "method": {"type": "supervised", "supervised": {"hyperparameters": {}}},
        }
    ]


def test_the_key_is_never_written(work: Work) -> None:
    work.tune()
    work.follow()
    assert not [path for path in work.folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert KEY not in " ".join(work.texts())


def test_what_is_done_is_not_done_again(work: Work) -> None:
    work.tune()
    before = len(work.fake.requests)
    assert work.tune() == load(work.folder)
    assert len(work.fake.requests) == before
    done = work.follow()
    before, told = len(work.fake.requests), len(work.told)
    assert work.follow() == done
    assert (len(work.fake.requests), len(work.told)) == (before, told)


def test_following_goes_on_after_the_last_event_shown(work: Work) -> None:
    work.tune()
    work.fake.page = 1  # many pages

    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(work.folder, tell=work.told.append, sleep=stop)
    assert work.texts()[-2:] == ["Created fine-tuning job", "Validating training file"]
    work.told.clear()
    work.follow()
    assert [event.step for event in work.told if event.step] == [1, 2, 3, 4]
    assert "Created fine-tuning job" not in work.texts()


@pytest.mark.parametrize("where", [ONE, EVENTS])
@pytest.mark.parametrize(
    "what", ["drop", refused(503, "overloaded"), (200, {}, "<html>"), (200, {"Content-Type": "text/html"}, "<html>")]
)
def test_a_break_while_following_is_waited_for(work: Work, what: Any, where: str) -> None:
    work.tune()
    work.fake.faults = [("GET", where, what)] * 3
    done = work.follow()
    assert done.status == "succeeded"
    assert [event.step for event in work.told if event.step] == [1, 2, 3, 4]
    assert work.slept[:3] == [1.0, 2.0, 4.0]
    breaks = [text for text in work.texts() if "asking again" in text]
    assert [text.rpartition("; ")[2] for text in breaks] == [f"asking again in {n} s" for n in (1, 2, 4)]


def test_a_break_in_the_middle_of_the_pages_shows_nothing_twice(work: Work) -> None:
    work.tune()
    work.fake.page = 1
    work.fake.ticks = []
    for _ in range(4):
        work.fake.tick(work.fake.jobs["ftjob-1"])
    answer, asked = work.fake.answer, []

    def third_page_breaks(method: str, path: str, *rest: Any) -> Any:
        asked.append(path)
        if asked.count(f"{JOBS}/ftjob-1/events") == 3 and path.endswith("/events"):
            return "drop"
        return answer(method, path, *rest)

    work.fake.answer = third_page_breaks
    work.follow()
    assert [event.step for event in work.told if event.step] == [1, 2, 3, 4]
    assert work.slept == [1.0]


def test_retry_after_is_honoured(work: Work) -> None:
    work.fake.faults = [
        ("POST", "/files", refused(429, "slow down", retry_after="13")),
        ("POST", JOBS, refused(429, "slow down", retry_after_ms="2500")),
        ("GET", EVENTS, refused(429, "slow down", retry_after="90")),
    ]
    work.tune()
    work.follow()
    assert work.slept[:2] == [13.0, 2.5]
    assert 90.0 in work.slept
    assert len(work.fake.files) == 2
    assert len(work.fake.jobs) == 1


def test_patience_ends(work: Work) -> None:
    work.tune()
    work.fake.faults = [("GET", ONE, refused(500, "broken", retry_after="500"))] * 10
    with pytest.raises(ModelError, match=r"answered 500: broken.*same command follows it again"):
        work.follow()
    assert 3000 < sum(work.slept) <= 3600


def test_a_server_that_is_not_there_is_not_waited_for_at_first(work: Work) -> None:
    with pytest.raises(ModelUnavailable, match="Nothing answers at"):
        work.tune(base_url="http://127.0.0.1:9/v1")
    assert work.slept == []


def test_a_server_that_went_away_is_waited_for(work: Work) -> None:
    work.tune()
    state = json.loads((work.folder / "job.json").read_text())
    state["settings"]["base_url"] = "http://127.0.0.1:9/v1"
    (work.folder / "job.json").write_text(json.dumps(state))
    with pytest.raises(ModelError, match="Nothing answers at"):
        work.follow()
    assert sum(work.slept) > 3000


@pytest.mark.parametrize("fault", ["lose", "drop"])
def test_an_answer_that_was_lost_begins_no_second_job(work: Work, fault: str) -> None:
    work.fake.faults = [("POST", "/files", fault), ("POST", JOBS, fault)]
    assert work.tune().job == "ftjob-1"
    assert len(work.fake.files) == 2
    assert len(work.fake.jobs) == 1
    assert work.slept == [1.0, 1.0]


_TUNE = """
import sys
from pathlib import Path
from spider_opt.training.chat_jsonl import check_jsonl
from spider_opt.training.job_state import Settings
from spider_opt.training.openai_jobs import tune
folder, url = Path(sys.argv[1]), sys.argv[2]
settings = Settings("gpt-4.1-nano-2025-04-14", url, epochs=2, seed=7, suffix="sql")
tune(folder, settings, check_jsonl(folder / "t.jsonl"), check_jsonl(folder / "v.jsonl"), tell=print)
"""


@pytest.mark.parametrize("fault", ["hang", "lose and hang"], ids=["before the job", "after the job"])
def test_killed_and_typed_again(work: Work, fault: str) -> None:
    work.fake.faults = [("POST", JOBS, fault)]
    process = subprocess.Popen(
        [sys.executable, "-c", _TUNE, str(work.folder), work.fake.url],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"OPENAI_API_KEY": KEY},
    )
    assert work.fake.wait_for("POST", JOBS)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert work.tune().job == "ftjob-1"
    assert work.fake.count("POST", "/files") == 2
    assert len(work.fake.jobs) == 1
    assert work.follow().status == "succeeded"


def test_two_at_once_are_one_too_many(work: Work) -> None:
    from spider_opt.paths import locked

    with locked(work.folder), pytest.raises(RunError, match="in use by another"):
        work.tune()
    assert work.fake.requests == []


def test_a_failed_job_gives_the_providers_reason(work: Work) -> None:
    work.fake.ticks = [("failed", ["Validating training file"])]
    work.fake.error = {"code": "x", "message": "The job failed because of an\nunsafe file.", "param": None}
    work.tune()
    for _ in range(2):  # as often as it is asked
        with pytest.raises(RunError) as caught:
            work.follow()
        assert str(caught.value) == (
            "The job ftjob-1 failed: The job failed because of an unsafe file. "
            f"To start again, remove {work.folder / 'job.json'} and type the same command."
        )
    assert caught.value.exit_code == 1
    assert work.tune().job == "ftjob-1"
    assert len(work.fake.jobs) == 1
    (work.folder / "job.json").unlink()
    assert work.tune().job == "ftjob-2"


def test_a_job_that_is_gone(work: Work) -> None:
    work.tune()
    work.fake.jobs.clear()
    with pytest.raises(RunError, match=r"no longer knows the job ftjob-1\. To start again, remove .*job\.json"):
        work.follow()


def test_cancelling(work: Work) -> None:
    with pytest.raises(RunError, match="There is no job in"):
        cancel(work.folder)
    work.tune()
    assert cancel(work.folder).status == "cancelled"
    assert load(work.folder).status == "cancelled"  # type: ignore[union-attr]
    with pytest.raises(RunError, match=r"over already \(cancelled\)"):
        cancel(work.folder)
    with pytest.raises(RunError, match=r"The job ftjob-1 was cancelled\. To start again"):
        work.follow()


def test_a_job_whose_id_was_lost_can_be_cancelled(work: Work) -> None:
    work.tune()
    state = json.loads((work.folder / "job.json").read_text())
    (work.folder / "job.json").write_text(json.dumps(state | {"job": None}))
    assert cancel(work.folder).job == "ftjob-1"


def test_a_folder_is_for_one_job(work: Work) -> None:
    work.tune()
    with pytest.raises(RunError, match=r"is of a job with epochs 2, suffix sql: give another folder"):
        work.tune(epochs=3, suffix="other")
    work.train = write(work.folder / "t.jsonl", 13)
    with pytest.raises(RunError, match="is of a job with other data"):
        work.tune()
    assert len(work.fake.jobs) == 1


def test_what_was_refused_can_be_mended(work: Work) -> None:
    with pytest.raises(ModelError, match="other-1 is not available for fine-tuning"):
        work.tune(model="other-1")
    assert work.slept == []
    assert work.tune().job == "ftjob-1"
    assert work.fake.count("POST", "/files") == 2


def test_an_upload_that_the_provider_threw_away_is_sent_again(work: Work) -> None:
    with pytest.raises(ModelError):
        work.tune(model="other-1")
    del work.fake.files["file-1"]
    with pytest.raises(ModelError, match="invalid training_file: file-1"):
        work.tune()
    work.fake.files["file-9"] = {}  # the next one has another id
    assert work.tune().job == "ftjob-1"
    assert work.fake.count("POST", "/files") == 3


def test_a_refused_key(work: Work) -> None:
    work.fake.faults = [("POST", "/files", refused(401, "Incorrect API key"))]
    with pytest.raises(ModelUnavailable, match="refuses the key in OPENAI_API_KEY: Incorrect API key"):
        work.tune()
    assert work.slept == []


def test_a_quota_that_is_used_up_is_not_waited_for(work: Work) -> None:
    status, headers, body = refused(429, "You exceeded your quota")
    body["error"]["code"] = "insufficient_quota"
    work.fake.faults = [("POST", JOBS, (status, headers, body))]
    with pytest.raises(ModelUnavailable, match="quota"):
        work.tune()
    assert work.slept == []


def test_a_server_without_such_a_page(work: Work) -> None:
    work.fake.faults = [("POST", "/files", refused(404, "Not Found"))]
    with pytest.raises(ModelError, match=r"a base URL often ends in /v1.*Not Found"):
        work.tune()


def test_a_file_that_is_looked_through_first(work: Work) -> None:
    work.fake.file_status = ["uploaded", "uploaded", "pending", "processed"]
    work.tune()
    assert work.slept == [5.0, 10.0]


def test_a_server_that_never_says_that_a_file_is_ready(work: Work) -> None:
    work.fake.file_status = ["uploaded"]
    assert work.tune().job == "ftjob-1"
    assert 600 < sum(work.slept) / 2 < 700


def test_a_server_that_keeps_no_checkpoints_and_lists_no_files(work: Work) -> None:
    work.fake.faults = [("GET", f"{ONE}/checkpoints", refused(404, "Not Found"))] * 20
    work.fake.faults += [("GET", r"/files.*", refused(404, "Not Found"))] * 20
    work.fake.faults += [("POST", "/files", "drop")]
    work.tune()
    assert work.follow().checkpoints == ()


@pytest.mark.parametrize("body", [{}, [], {"id": "x"}, {"detail": "no"}, "hello"])
def test_what_is_no_job_is_asked_for_again(work: Work, body: Any) -> None:
    work.fake.faults = [("POST", JOBS, (200, {}, body))]
    assert work.tune().job == "ftjob-1"
    assert work.slept == [1.0]


@pytest.mark.parametrize("body", [{}, [], "<html>"])
def test_a_server_that_is_none_of_the_kind(work: Work, body: Any) -> None:
    work.fake.faults = [("POST", "/files", (200, {}, body))]
    with pytest.raises(ModelUnavailable, match="gave no answer of a fine-tuning API; is the base URL right"):
        work.tune()
    assert work.slept == []


def test_a_server_that_gives_the_same_page_for_ever(work: Work) -> None:
    work.tune()
    listed = work.fake.listed
    work.fake.listed = lambda things, query: (
        200, {}, {"object": "list", "data": listed(things, {})[2]["data"], "has_more": True}
    )  # fmt: skip
    assert work.follow().status == "succeeded"
    assert [event.step for event in work.told if event.step] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"settings": {}}', '{"settings": 1, "files": {}, "checkpoints": []}', "\xff"]
)
def test_a_broken_file_of_the_job(work: Work, text: str) -> None:
    (work.folder / "job.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(RunError, match=r"job\.json is not what was written there"):
        work.tune()
    assert work.fake.requests == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": ""}, "Which model"),
        ({"base_url": "api.openai.com"}, "is no base URL"),
        ({"base_url": "https://me:sk-1@host/v1"}, "leave keys out of it"),
        ({"base_url": "https://host/v1?key=sk-1"}, "leave keys out of it"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"learning_rate_multiplier": float("nan")}, "learning_rate_multiplier is nan"),
        ({"seed": -1}, "seed is -1"),
        ({"suffix": ""}, "1 to 64 characters"),
        ({"suffix": "x" * 65}, "1 to 64 characters"),
    ],
)
def test_what_no_provider_takes(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Settings(**({"model": "m", "base_url": "http://127.0.0.1/v1"} | changes))


def test_no_key(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ModelUnavailable, match=r"No key for https://api\.example\.org/v1: set OPENAI_API_KEY"):
        work.tune(base_url="https://api.example.org/v1")
    work.tune()  # a server on this machine needs none
    assert set(work.fake.keys) == {"Bearer none"}
