"""A local server that speaks the fine-tuning part of OpenAI's protocol, and misbehaves on demand.

As with OpenAI, events and jobs come newest first, and ``after`` leads to older ones.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]


def refused(status: int, message: str, **headers: str) -> tuple[int, dict[str, str], Json]:
    """An error in OpenAI's form; ``retry_after`` becomes ``Retry-After``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, named, {"error": {"message": message, "type": "t", "code": None, "param": None}}


class FakeTuning:
    """Files and jobs. Each time a job is looked at it goes on by one tick of ``ticks`` (status, texts of events).

    ``faults`` are (method, pattern of the path, what happens instead), each for one request: a reply, ``"drop"`` (hang
    up in the middle of one), ``"lose"`` (do it and hang up), ``"hang"`` or ``"lose and hang"`` (never answer).
    """

    def __init__(self) -> None:
        self.url = ""
        self.ticks: list[tuple[str, list[str]]] = [
            ("validating_files", ["Created fine-tuning job", "Validating training file"]),
            ("running", ["Step 1/4: training loss=1.50", "Step 2/4: training loss=0.90"]),
            ("running", ["Step 3/4: training loss=0.50"]),
            ("succeeded", ["Step 4/4: training loss=0.25", "The job has successfully completed"]),
        ]
        self.error: Json | None = None
        self.page = 100
        self.file_status = ["processed"]
        self.faults: list[tuple[str, str, Any]] = []
        self.requests: list[tuple[str, str]] = []
        self.keys: list[str] = []
        self.bodies: list[Json] = []
        self.files: dict[str, Json] = {}
        self.jobs: dict[str, Json] = {}
        self.events: dict[str, list[Json]] = {}
        self.over = threading.Event()
        self.asked = threading.Condition()

    def count(self, method: str, pattern: str) -> int:
        """How many requests there were of this kind."""
        return sum(m == method and re.fullmatch(pattern, path) is not None for m, path in self.requests)

    def wait_for(self, method: str, pattern: str) -> bool:
        """Wait until there was such a request."""
        with self.asked:
            return self.asked.wait_for(lambda: self.count(method, pattern) > 0, timeout=30)

    def answer(self, method: str, path: str, query: Json, body: bytes, headers: Any) -> Any:
        with self.asked:
            self.requests.append((method, path))
            self.keys.append(headers.get("Authorization", ""))
            fault = next((f for f in self.faults if f[0] == method and re.fullmatch(f[1], path)), None)
            if fault:
                self.faults.remove(fault)
                if not str(fault[2]).startswith("lose"):
                    self.asked.notify_all()
                    return fault[2]
            reply = self.done(method, path, query, body, headers)
            self.asked.notify_all()
            return ("hang" if fault[2] == "lose and hang" else "drop") if fault else reply

    def done(self, method: str, path: str, query: Json, body: bytes, headers: Any) -> Any:
        parts = path.split("/")[1:]
        if parts == ["files"]:
            if method == "GET":
                return 200, {}, {"object": "list", "data": list(self.files.values()), "has_more": False}
            form = BytesParser(policy=HTTP).parsebytes(
                f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body
            )
            fields = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
            assert fields["purpose"].get_content().strip() == "fine-tune"
            content = fields["file"].get_payload(decode=True)
            name = f"file-{len(self.files) + 1}"
            self.files[name] = {
                "id": name, "object": "file", "bytes": len(content), "created_at": 1, "purpose": "fine-tune",
                "filename": fields["file"].get_filename(), "status": self.file_status[0], "content": content.decode(),
            }  # fmt: skip
            return 200, {}, self.files[name]
        if parts[0] == "files":
            if parts[1] not in self.files:
                return refused(404, "No such File object")
            self.file_status[1:] and self.file_status.pop(0)
            return 200, {}, self.files[parts[1]] | {"status": self.file_status[0]}
        if parts == ["fine_tuning", "jobs"]:
            return self.created(json.loads(body)) if method == "POST" else self.listed(list(self.jobs.values()), query)
        if parts[2] not in self.jobs:
            return refused(404, f"Could not find fine tune: {parts[2]}")
        job = self.jobs[parts[2]]
        if parts[3:] == ["events"]:
            return self.listed(self.events[job["id"]], query)
        if parts[3:] == ["checkpoints"]:
            steps = [e["data"] for e in self.events[job["id"]] if e["type"] == "metrics" and e["data"]["step"] % 2 == 0]
            return self.listed([self.checkpoint(job, data) for data in steps], query)
        if parts[3:] == ["cancel"]:
            job["status"] = "cancelled"
        else:
            self.tick(job)
        return 200, {}, job

    def created(self, body: Json) -> Any:
        self.bodies.append(body)
        if body["training_file"] not in self.files:
            return refused(400, f"invalid training_file: {body['training_file']}")
        if not body["model"].startswith(("gpt-", "ft:")):
            return refused(400, f"Model {body['model']} is not available for fine-tuning.")
        name = f"ftjob-{len(self.jobs) + 1}"
        self.jobs[name] = {
            "id": name, "object": "fine_tuning.job", "created_at": 1, "status": "validating_files",
            "hyperparameters": {}, "organization_id": "org", "result_files": [], "seed": body.get("seed", 0),
            "fine_tuned_model": None, "trained_tokens": None, "error": None, "ticks": list(self.ticks), **body,
        }  # fmt: skip
        self.events[name] = []
        return 200, {}, self.jobs[name]

    def tick(self, job: Json) -> None:
        if not job["ticks"] or job["status"] == "cancelled":
            return
        job["status"], texts = job["ticks"].pop(0)
        for text in texts:
            step = re.match(r"Step (\d+)/(\d+): training loss=(.*)", text)
            data = {"step": int(step[1]), "total_steps": int(step[2]), "train_loss": float(step[3])} if step else {}
            n = len(self.events[job["id"]])
            self.events[job["id"]].append({
                "object": "fine_tuning.job.event", "id": f"ftevent-{n}", "created_at": 1000 + 60 * n, "level": "info",
                "message": text, "type": "metrics" if step else "message", "data": data,
            })  # fmt: skip
        if job["status"] == "succeeded":
            job |= {"fine_tuned_model": f"ft:{job['model']}:org:{job.get('suffix', '')}:x", "trained_tokens": 1234}
        if job["status"] == "failed":
            job["error"] = self.error

    def checkpoint(self, job: Json, data: Json) -> Json:
        name = f"ft:{job['model']}:org::x:ckpt-step-{data['step']}"
        return {
            "object": "fine_tuning.job.checkpoint", "id": f"ftckpt-{data['step']}", "created_at": 1,
            "fine_tuned_model_checkpoint": name, "fine_tuning_job_id": job["id"], "step_number": data["step"],
            "metrics": {"step": data["step"], "train_loss": data["train_loss"], "valid_loss": None},
        }  # fmt: skip

    def listed(self, things: list[Json], query: Json) -> Any:
        newest = list(reversed(things))
        if "after" in query:
            newest = newest[[thing["id"] for thing in newest].index(query["after"]) + 1 :]
        n = min(int(query.get("limit", 20)), self.page)
        return 200, {}, {"object": "list", "data": newest[:n], "has_more": len(newest) > n}

    @classmethod
    @contextmanager
    def serving(cls) -> Iterator[FakeTuning]:
        """Serve on loopback."""
        fake = cls()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else a body waits 40 ms for the client to confirm the headers

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                reply = fake.answer(self.command, url.path.removeprefix("/v1"), query, body, self.headers)
                if reply == "hang":
                    fake.over.wait(60)
                    self.close_connection = True
                    return
                status, headers, content = (200, {}, '{"object": "li') if reply == "drop" else reply
                data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
                self.close_connection = reply == "drop"
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data) + 100 * self.close_connection))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: Any) -> None:
                """Say nothing of a client that hangs up."""

        server = Server(("127.0.0.1", 0), Handler)
        fake.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield fake
        finally:
            fake.over.set()
            server.shutdown()
            thread.join()
            server.server_close()
