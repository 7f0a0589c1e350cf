"""What was run, on what, with what: a run's ``run.json``, read and written."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spider_opt import __version__
from spider_opt.errors import RunError
from spider_opt.paths import write_whole
from spider_opt.scoring import Rules
from spider_opt.types import Benchmark, ModelInfo

FORMAT = 1
FILE = "run.json"
UNNAMED_EMBEDDER = "all-minilm-l6-v2"
"""The embedder of a run whose file names none; it stays this one whatever the default becomes."""
# What makes two runs the same run; all else is for the record. Those of the second line may be missing in a file.
IDENTITY = (
    "method", "steps", "model", "model_sha256", "adapter_sha256", "benchmark", "split", "sample", "fingerprint", "seed",
    "engine", "manner", "endpoint", "embedder", "training",
)  # fmt: skip
REQUIRED = (*IDENTITY[:10], "version", "commit")
# Before ``embedder`` was a field, one that was not the default stood behind the steps.
_SPLICED = re.compile(r"(?P<steps>.*) \(embedder (?P<embedder>.*)\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ScoredBy:
    """How a run's answers were judged: see ``Rules``; ``version`` is that of the scorer whose verdict is EX."""

    mode: str
    keep_distinct: bool
    timeout_s: float
    version: str
    metrics: tuple[str, ...] = ()

    @classmethod
    def of(cls, rules: Rules) -> ScoredBy:
        """Return what is noted of being scored now by these rules."""
        return cls(**rules.noted())

    @property
    def rules(self) -> Rules:
        """The same, as the scorer takes it."""
        return Rules(self.mode, self.keep_distinct, self.timeout_s, tuple(self.metrics))

    def __str__(self) -> str:
        """Return what must be equal for two runs to be compared.

        >>> str(ScoredBy("official", True, 10.0, "1"))
        'official keep-distinct v1'
        """
        return f"{self.mode}{' keep-distinct' if self.keep_distinct else ''} v{self.version}"


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run's ``run.json``.

    ``method`` is its label, ``steps`` the same with every option spelled out. ``sample`` names the list of questions
    that were chosen, '' for the whole split. ``engine``, ``manner`` and ``endpoint`` are the model's, see
    ``ModelInfo``. ``embedder`` is what finds training examples, ``training`` a hash of those that may be shown: ''
    where the method shows none, or where that was not written down yet. ``served`` is what a server said of the models
    that answered. ``n_total`` and ``missing`` are the benchmark's. A finished run has ``n``, how many answers were
    judged, and ``scorer``. ``others`` are keys that this version does not know; they stay where the file is written
    again.
    """

    method: str
    steps: str
    model: str
    model_sha256: str
    adapter_sha256: str
    benchmark: str
    split: str
    sample: str
    fingerprint: str
    seed: int
    engine: str = ""
    manner: str = ""
    endpoint: str = ""
    embedder: str = UNNAMED_EMBEDDER
    training: str = ""
    n_total: int = 0
    missing: Mapping[str, int] = field(default_factory=dict)
    version: str = __version__
    commit: str = ""
    python: str = ""
    started: str = ""
    format: int = FORMAT
    n: int | None = None
    scorer: ScoredBy | None = None
    served: list[str] = field(default_factory=list)
    others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> RunInfo:
        """Read a run folder's ``run.json``.

        Raises:
            RunError: there is none, or it cannot be read.
        """
        path = folder / FILE
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise RunError(f"no run in {folder}: it has no {FILE}") from None
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error}") from error
        except (ValueError, TypeError) as error:
            raise RunError(f"{path} does not describe a run: {error}") from error

    @classmethod
    def from_json(cls, entry: object) -> RunInfo:
        """Make it of what stands in the file.

        Raises:
            TypeError, ValueError: something is missing, or of another kind.
        """
        if not isinstance(entry, dict):
            raise TypeError("it is no object")
        lacking = [key for key in REQUIRED if key not in entry]
        if lacking:
            raise ValueError(f"it lacks {', '.join(lacking)}")
        known = {key: value for key, value in entry.items() if key in _KINDS}
        for key, value in known.items():
            if not isinstance(value, _KINDS[key]) or isinstance(value, bool):
                raise TypeError(f"its {key} is {value!r}")
        if "scorer" in known:
            known["scorer"] = ScoredBy(**known["scorer"])
        if spliced := _SPLICED.fullmatch(known["steps"]):
            known |= spliced.groupdict()
        return cls(**known, others={key: value for key, value in entry.items() if key not in _KINDS})

    def to_json(self) -> dict[str, Any]:
        """Return what stands in the file: nothing of what is not known, and no default that came with a later version.

        >>> info = RunInfo("zero-shot", "zero-shot:rows=0", "m", "", "", "spider-mini", "test", "", "0123", 0)
        >>> {"engine", "embedder", "training", "n", "scorer", "others"} & set(info.to_json())
        set()
        """
        said = {name: getattr(self, name) for name in _ORDER}
        left_out: dict[str, object] = {
            "engine": "", "manner": "", "endpoint": "", "embedder": UNNAMED_EMBEDDER, "training": "", "n": None,
            "scorer": None, "served": [],
        }  # fmt: skip
        shown = {key: value for key, value in said.items() if key not in left_out or value != left_out[key]}
        shown["missing"] = dict(self.missing)
        if self.scorer:
            shown["scorer"] = {key: value for key, value in asdict(self.scorer).items() if key != "metrics" or value}
        return shown | dict(self.others)

    def write(self, folder: Path) -> None:
        """Write the folder's ``run.json``, whole or not at all."""
        write_whole(folder / FILE, json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n")

    def unfinished(self) -> RunInfo:
        """Return it without what scoring adds."""
        return replace(self, n=None, scorer=None)

    def differences(self, other: RunInfo) -> list[str]:
        """Say by what ``other``, which is to be run now, is another run than this one; nothing where it is the same."""
        from spider_opt.models.manner import may_become  # scoring, which reads runs too, loads no model

        differ = [name for name in IDENTITY if getattr(self, name) != getattr(other, name)]
        if self.method != other.method and "steps" in differ:
            differ.remove("steps")  # the label says it shorter
        if "benchmark" in differ and self.fingerprint == other.fingerprint:
            differ.remove("benchmark")  # the same questions, in a folder of another name
        if "training" in differ and "" in (self.training, other.training):
            differ.remove("training")  # not known yet, or never written down
        if "manner" in differ and may_become(other.manner, self.manner):
            differ.remove("manner")
        return [f"{name} is {getattr(self, name)!r} there, {getattr(other, name)!r} now" for name in differ]

    @property
    def asked(self) -> str:
        """The benchmark and the split or sample of it, as in a table: ``spider dev``."""
        return f"{self.benchmark} {self.sample or self.split}"


_ORDER = (
    "format", "method", "steps", "model", "model_sha256", "adapter_sha256", "engine", "manner", "endpoint",
    "embedder", "training", "benchmark", "split", "sample", "fingerprint", "n_total", "missing", "seed", "version",
    "commit", "python", "started", "served", "n", "scorer",
)  # fmt: skip
_KINDS: Mapping[str, type[Any]] = {f.name: str for f in fields(RunInfo) if f.name != "others"} | {
    "seed": int, "n_total": int, "format": int, "n": int, "missing": dict, "scorer": dict, "served": list
}  # fmt: skip


def describe(
    benchmark: Benchmark,
    method: str,
    steps: str,
    model: ModelInfo,
    seed: int,
    *,
    sample: str = "",
    embedder: str = UNNAMED_EMBEDDER,
) -> RunInfo:
    """Return the ``run.json`` of a run that begins now."""
    return RunInfo(
        method=method,
        steps=steps,
        model=model.name,
        model_sha256=model.sha256,
        adapter_sha256=model.adapter,
        engine=model.engine,
        manner=model.manner,
        endpoint=model.endpoint,
        embedder=embedder,
        benchmark=benchmark.name,
        split=benchmark.split,
        sample=sample,
        fingerprint=benchmark.fingerprint,
        n_total=benchmark.n_total,
        missing=dict(benchmark.missing),
        seed=seed,
        commit=commit(),
        python=platform.python_version(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def commit() -> str:
    """Return the commit of the source tree this package runs from, with ``+`` if it was changed; '' if none."""
    here = Path(__file__).resolve().parents[1]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # else this is a package installed inside somebody's tree
        head = git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if git("status", "--porcelain", "--untracked-files=no", "--", str(here)) else "")
    except (OSError, subprocess.SubprocessError):
        return ""
