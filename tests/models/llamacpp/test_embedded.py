"""llama.cpp inside the process: what is answered by real weights where there are any, all else by tiny ones."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from notebook import notebook
from tiny_gguf import write_tiny_gguf

from spider_opt.benchmarks import load
from spider_opt.errors import ModelError, ModelUnavailable, WeightsError
from spider_opt.models import EmbeddedModel, weights
from spider_opt.models.llamacpp import prefixes, server, slots
from spider_opt.paths import cache_dir
from spider_opt.scoring import Rules, judge, score
from spider_opt.types import Message, ModelInfo, Request

# Read before the tests get a cache of their own.
USERS_CACHE = cache_dir()
SCHEMA = "CREATE TABLE singer (id INTEGER, name TEXT, age INTEGER);\nCREATE TABLE concert (id INTEGER, year INTEGER);\n"
QUESTIONS = ["How many singers are there?", "How old is the oldest singer?", "List the years of all concerts."]


def need_llama_cpp() -> None:
    try:
        server.binding()
    except ModelUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def gguf() -> Path:
    """The smallest weights that are on this machine."""
    need_llama_cpp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIDER_OPT_CACHE", str(USERS_CACHE))
        for name in ("smollm2-135m", "qwen2.5-coder-0.5b"):
            path = weights.find(name)
            if path is not None:
                return path
    pytest.skip("no weights here; type: spider-opt models pull smollm2-135m, or set SPIDER_OPT_WEIGHTS")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that answer at once, and noise."""
    need_llama_cpp()
    return write_tiny_gguf(tmp_path_factory.mktemp("weights") / "tiny.gguf")


@pytest.fixture(scope="module")
def model(gguf: Path) -> Iterator[EmbeddedModel]:
    with EmbeddedModel(gguf, info=ModelInfo("m", "abc"), n_ctx=1024, n_threads=1, logprobs=True) as model:
        yield model


def ask(model: EmbeddedModel, question: str) -> tuple[str, float | None]:
    chat = (Message("system", "You write SQL."), Message("user", SCHEMA + question))
    [done] = model.complete(Request(chat, max_tokens=6))
    assert (done.usage.calls, done.usage.completion_tokens > 0) == (1, True)
    return done.text, done.logprob


def test_an_answer_is_the_same_whatever_was_asked_before_or_beside(model: EmbeddedModel, gguf: Path) -> None:
    with EmbeddedModel(gguf, n_ctx=1024, n_threads=1, logprobs=True) as alone:
        fresh = [ask(alone, QUESTIONS[-1])]
    fresh = [ask(model, question) for question in QUESTIONS[:-1]] + fresh
    assert [ask(model, question) for question in reversed(QUESTIONS)] == fresh[::-1]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda question: ask(model, question), QUESTIONS)) == fresh


def test_the_schema_is_taken_from_the_cache(model: EmbeddedModel) -> None:
    for question in QUESTIONS:
        [done] = model.complete(Request(SCHEMA * 3 + question, max_tokens=1))
    assert done.usage.cached_tokens > done.usage.prompt_tokens / 2


def test_samples_grammar_and_stop(model: EmbeddedModel) -> None:
    samples = model.complete(Request("Once upon a time", n=3, temperature=1.5, seed=1, max_tokens=8))
    assert len(samples) == 3
    assert len({sample.text for sample in samples}) > 1
    again = model.complete(Request("Once upon a time", n=3, temperature=1.5, seed=1, max_tokens=8))
    assert [sample.text for sample in again] == [sample.text for sample in samples]
    [done] = model.complete(Request("SELECT", grammar='root ::= "a" "b" "c"', max_tokens=8))
    assert done.text == "abc"
    [done] = model.complete(Request("SELECT", grammar='root ::= "abc"', stop=("c",), max_tokens=8))
    assert (done.text, done.finish_reason) == ("ab", "stop")


def test_many_samples_of_one_prompt(model: EmbeddedModel) -> None:
    prompt = SCHEMA + QUESTIONS[0]
    n = slots.N_SIDE_BY_SIDE + 2
    fresh = ask(model, QUESTIONS[0])
    samples = model.complete(Request(prompt, n=n, temperature=1.0, seed=5, max_tokens=4))
    assert len(samples) == n
    assert [sample.text for sample in model.complete(Request(prompt, n=n, temperature=1.0, seed=5, max_tokens=4))] == [
        sample.text for sample in samples
    ]
    assert sum(sample.usage.calls for sample in samples) == 2  # so many requests, each of which knows what it cost
    assert n < sum(sample.usage.completion_tokens for sample in samples) <= 4 * n
    assert ask(model, QUESTIONS[0]) == fresh  # the samples have overwritten what other slots remembered


def test_the_beginnings_of_prompts_are_kept_on_disk(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefixes, "MIN_TOKENS", 64)
    monkeypatch.setattr(slots, "MIN_TOKENS", 64)
    folder = tmp_path / "prefixes"

    def answers(kept: Path | None) -> list[tuple[str, float | None, bool]]:
        with EmbeddedModel(tiny, n_ctx=512, n_threads=1, logprobs=True, prefixes=kept) as own:
            done = [own.complete(Request(SCHEMA * 3 + question, max_tokens=5))[0] for question in QUESTIONS[:2]]
        return [(d.text, d.logprob, d.usage.cached_tokens >= 64) for d in done]

    fresh = answers(None)
    assert [cached for *_, cached in fresh] == [False, True]
    assert answers(folder) == fresh
    [state] = folder.iterdir()
    assert answers(folder) == [(*answer[:2], True) for answer in fresh]
    state.write_bytes(state.read_bytes()[:1000])
    assert answers(folder) == fresh  # a broken state is computed again


def test_answers_are_judged_beside_it(model: EmbeddedModel, shop: Path) -> None:
    """Scoring runs in processes of its own, which must be no forks of one with llama.cpp's threads."""
    before = ask(model, QUESTIONS[0])
    benchmark = load("spider-mini:test")
    right = [(example, f"{example.gold_sql} ") for example in benchmark.examples]
    assert score(benchmark, right, Rules(), use_cache=False).summary()["ex"] == 100
    assert judge("SELECT count(*) FROM boat", "SELECT 3", shop).correct
    assert ask(model, QUESTIONS[0]) == before


def test_a_prompt_longer_than_the_context(model: EmbeddedModel) -> None:
    with pytest.raises(ModelError, match="does not fit into the context of m"):
        model.complete(Request("word " * 3000))


def test_only_this_process_may_ask(model: EmbeddedModel) -> None:
    request = urllib.request.Request(f"{model.url}/v1/completions", b'{"prompt": "a"}')
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10)
    assert caught.value.code == 401
    caught.value.close()


def test_it_is_quiet_and_leaves_nothing_behind(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = EmbeddedModel(tiny, n_ctx=512, n_threads=1)
    assert model.url is None
    threads: list[int] = []
    for _ in range(3):
        model.complete(Request("SELECT", max_tokens=1))
        url = urlsplit(model.url)
        model.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((url.hostname, url.port), timeout=5)
        threads.append(len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 0)
    model.close()
    assert threads[-1] <= threads[0]  # the first time may leave what a library makes once
    assert capfd.readouterr() == ("", "")


def test_a_process_may_end_without_closing(tiny: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from spider_opt.models import EmbeddedModel\n"
        "from spider_opt.types import Request\n"
        "model = EmbeddedModel(Path(sys.argv[1]), n_ctx=512, n_threads=1)\n"
        "print(model.complete(Request('SELECT', max_tokens=1))[0].finish_reason)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tiny)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "length\n", "")


def test_weights_that_are_none(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    need_llama_cpp()
    with pytest.raises(WeightsError, match="No weights at"):
        EmbeddedModel(tmp_path / "none.gguf").complete(Request("SELECT"))
    (tmp_path / "text.gguf").write_text("no weights")
    with pytest.raises(ModelUnavailable, match=r"llama\.cpp cannot load .*text\.gguf"):
        EmbeddedModel(tmp_path / "text.gguf").complete(Request("SELECT"))
    assert capfd.readouterr() == ("", "")


def test_without_llama_cpp_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    (tmp_path / "any.gguf").write_text("")
    with pytest.raises(ModelUnavailable, match=r"pip install 'spider-opt\[embedded\]'"):
        EmbeddedModel(tmp_path / "any.gguf").complete(Request("SELECT"))


def test_unknown_weights_are_known_by_their_path(tmp_path: Path) -> None:
    assert EmbeddedModel(tmp_path / "my.gguf").cache_tag == str(tmp_path / "my.gguf")
    assert EmbeddedModel(tmp_path / "my.gguf").info == ModelInfo("my")
    assert EmbeddedModel(tmp_path / "my.gguf", info=ModelInfo("my", "abc")).cache_tag == ""


CELLS = (
    """
import spider_opt as so
bench = so.load("spider-mini")
run = so.evaluate("zero-shot", bench, model=MODEL, limit=2, progress=False)
print("evaluated", run.n, 0 <= run.ex <= 100, len(run.table()), run.usage.calls)
""",
    """
path = bench.paths[bench.examples[0].question.db_id]
print("judged", so.judge(gold="SELECT 1", sql="SELECT 1", database=path).correct)
with open("predictions.txt", "w") as file:
    file.write("SELECT 1\\n" * len(bench.examples))
print("scored", so.score("predictions.txt", bench).n == len(bench.examples))
again = so.evaluate("zero-shot", bench, model=MODEL, limit=2, progress=False)
print("evaluated", [a.prediction.sql for a in again.answers] == [a.prediction.sql for a in run.answers])
""",
)


def test_a_whole_run_in_a_notebook(tiny: Path, tmp_path: Path) -> None:
    """It is scored after the model was used in the same process, and more is judged after that."""
    model = f"EmbeddedModel(pathlib.Path({str(tiny)!r}), n_ctx=4096)"
    opened = f"import pathlib\nfrom spider_opt.models import EmbeddedModel\nMODEL = {model}"
    arguments = notebook([opened, *CELLS], tmp_path)
    own = {"SPIDER_OPT_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, env=os.environ | own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines() == ["evaluated 2 True 2 2", "judged True", "scored True", "evaluated True"]


def test_closing_it_while_it_is_asked_ends_soon(tiny: Path) -> None:
    chat = (Message("user", SCHEMA * 6 + "Write a long story about all singers."),)
    for wait_s in (0.0, 0.02, 0.3):
        with EmbeddedModel(tiny, n_ctx=20_000, n_threads=1) as model, ThreadPoolExecutor(2) as threads:
            asked = [threads.submit(model.complete, Request(chat, max_tokens=19_000, seed=seed)) for seed in range(2)]
            time.sleep(wait_s)
            began = time.monotonic()
            model.close()
            assert time.monotonic() - began < 20
            for one in asked:
                with pytest.raises(ModelError):
                    one.result(timeout=20)
