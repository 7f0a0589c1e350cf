"""What was run, on what, with what: a run's ``run.json``, read and written."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from spider_opt import __version__
from spider_opt.benchmarks.naming import SIZES
from spider_opt.errors import RunError
from spider_opt.kinds import NUMBER, Kind, check_all, check_kinds
from spider_opt.paths import write_whole
from spider_opt.rows import parsed
from spider_opt.runs.identity import IDENTITY
from spider_opt.scoring import Rules
from spider_opt.scoring.rules import CORRECTED
from spider_opt.scoring.table import SUITES

FORMAT = 2
"""2: it says whose endpoint was asked, what computed the model, what was learnt from, and with which versions."""
FILE = "run.json"
UNNAMED_EMBEDDER = "all-minilm-l6-v2"
"""The embedder of a run whose file names none; it stays this one whatever the default becomes."""
REQUIRED = (*IDENTITY[:10], "version", "commit")
# Before ``embedder`` was a field, one that was not the default stood behind the steps.
_SPLICED = re.compile(r"(?P<steps>.*) \(embedder (?P<embedder>.*)\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ScoredBy:
    """How a run's answers were judged: see ``Rules``; ``version`` is that of the scorer whose verdict is EX.

    ``suite`` is what the test suites are called that were judged by ("given …", "own …" and a hash), '' for none, and
    ``corrections`` what the corrected golds are called that EX was told by, too (their file's name and a hash).

    ``sqlite`` is the version that ran the queries, '' where that was not written down: another may say otherwise.
    """

    mode: str
    keep_distinct: bool
    timeout_s: float
    version: str
    metrics: tuple[str, ...] = ()
    sqlite: str = ""
    suite: str = ""
    plug_value: bool = False
    corrections: str = ""

    @classmethod
    def of(cls, rules: Rules, suite: str = "") -> ScoredBy:
        """Return what is noted of being scored now by these rules."""
        corrections = str(rules.corrections or "")
        noted = {**rules.noted(), "plug_value": rules.plug_value, "corrections": corrections}
        return cls(**noted, sqlite=sqlite3.sqlite_version, suite=suite)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> ScoredBy:
        """Make it of what stands in the file; what a later version says more is left out.

        Raises:
            TypeError: something is missing, or of another kind.
        """
        known = {f.name: entry[f.name] for f in fields(cls) if f.name in entry}
        kinds: dict[str, Kind] = {
            "mode": str,
            "keep_distinct": bool,
            "timeout_s": NUMBER,
            "version": str,
            "metrics": list,
            "sqlite": str,
            "suite": str,
            "plug_value": bool,
            "corrections": str,
        }
        check_kinds(known, kinds)
        check_all("metrics", known.get("metrics", ()), str)
        return cls(**{**known, "metrics": tuple(known.get("metrics", ()))})

    @property
    def rules_as_told(self) -> Rules:
        """The rules with all metrics, to say what came out: where the suites are is not written down."""
        return replace(self.rules, metrics=tuple(self.metrics), plug_value=self.plug_value)

    @property
    def rules(self) -> Rules:
        """The same, as the scorer takes it, but for suites: where they are is not written down."""
        metrics = tuple(name for name in self.metrics if name not in SUITES)
        return Rules(self.mode, self.keep_distinct, self.timeout_s, metrics)

    def said_of(self, metric: str | None = None) -> str:
        """Return how a metric was judged, EX for None: what must be equal for two runs to be compared by it."""
        if metric is None:
            return str(self)
        if metric == CORRECTED:
            return f"{self} with corrected golds ({self.corrections or '-'})"
        if metric not in SUITES:
            return metric
        options = " keep-distinct" * self.keep_distinct + " plug-value" * self.plug_value if metric == "suite" else ""
        return f"{metric}{options} on the databases {self.suite or '-'}"

    def __str__(self) -> str:
        """Return what must be equal for two runs to be compared by EX.

        >>> str(ScoredBy("official", True, 10.0, "1"))
        'official keep-distinct v1'
        >>> str(ScoredBy("suite", False, 10.0, "1", suite="own 0123abcd", plug_value=True))
        'suite plug-value v1 on the databases own 0123abcd'
        """
        said = f"{self.mode}{' keep-distinct' if self.keep_distinct else ''}"
        if self.mode not in SUITES:
            return f"{said} v{self.version}"
        plug_value = " plug-value" if self.plug_value and self.mode == "suite" else ""
        return f"{said}{plug_value} v{self.version} on the databases {self.suite or '-'}"

    def to_json(self) -> dict[str, Any]:
        """Return what stands in a file: nothing that is seldom asked for, where it was not."""
        return {key: value for key, value in asdict(self).items() if key not in _SELDOM or value}


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run's ``run.json``.

    ``method`` is its label, ``steps`` the same with every option spelled out. ``sample`` names the list of questions
    that were chosen, '' for the whole split. ``engine``, ``manner`` and ``endpoint`` are the model's, see
    ``ModelInfo``; ``computed_by`` is what computed it here, with its version. ``embedder`` is what finds training
    examples. Hashes, '' where there is none: ``questions`` of what is asked, ``schemas`` of what prompts show of the
    databases, ``training`` of what examples are taken from, ``code`` of other packages' code that took part,
    ``cache_tag`` of what the model says that its answers depend on, else of what it is seen to be ("own …"), or of what
    is in a recording; ``adapter_form`` of how the adapters' cards say that they are asked. ``n_total`` and ``missing``
    are the benchmark's, ``versions`` those of what reads and runs queries. ``learnt_databases`` is how many of the
    databases asked about the model is known to have learnt from, ``learnt_unknown`` names the adapters whose card does
    not say what they learnt. ``side_by_side`` is how many questions were
    asked at the same time, 0 where that was not written down, ``resumed`` what was another then, each time that the run
    went on with other versions, ``served`` what a server said of the models that answered. A finished run has ``n``,
    how many answers there were to judge, ``scorer``, ``failed_golds``, by id those that count nowhere, and why, and
    ``costs``, see ``runs.costs``, with the price that the model had then.
    ``others`` are keys that this version does not know; they
    stay where the file is written again.
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
    questions: str = ""
    schemas: str = ""
    computed_by: str = ""
    code: str = ""
    cache_tag: str = ""
    adapter_form: str = ""
    n_total: int = 0
    missing: Mapping[str, int] = field(default_factory=dict)
    version: str = __version__
    commit: str = ""
    python: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    side_by_side: int = 0
    learnt_databases: int = 0
    learnt_unknown: str = ""
    started: str = ""
    resumed: Sequence[str] = ()
    format: int = FORMAT
    n: int | None = None
    scorer: ScoredBy | None = None
    failed_golds: Mapping[str, str] = field(default_factory=dict)
    costs: Mapping[str, Any] = field(default_factory=dict)
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
            return cls.from_json(parsed(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise RunError(f"no run in {folder}: it has no {FILE}") from None
        except NotADirectoryError:
            raise RunError(f"{folder} is a file, and no run folder") from None
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
        if isinstance(format := entry.get("format"), int) and format > FORMAT:
            raise ValueError(
                f"it has format {format}, which a newer spider-opt wrote ({entry.get('version', '-')}); this is "
                f"{__version__}, which reads up to {FORMAT}: install that one"
            )
        lacking = [key for key in REQUIRED if key not in entry]
        if lacking:
            raise ValueError(f"it lacks {', '.join(lacking)}")
        known = {key: value for key, value in entry.items() if key in _KINDS}
        check_kinds(known, _KINDS, signed=("seed",))
        known.setdefault("format", 1)
        if "=" in (manner := known.get("manner", "")):
            from spider_opt.models.secrets import hidden_manner

            known["manner"] = hidden_manner(manner)  # earlier versions wrote all that it said
        check_all("missing", known.get("missing", {}), int)
        check_all("versions", known.get("versions", {}), str)
        check_all("resumed", known.get("resumed", ()), str)
        check_all("served", known.get("served", ()), str)
        check_all("failed_golds", known.get("failed_golds", {}), str)
        if "scorer" in known:
            known["scorer"] = ScoredBy.from_json(known["scorer"])
        whole = known["format"] == 1 and known["benchmark"] == "spider" and not known["sample"] and known.get("n_total")
        if whole and whole != SIZES.get(known["split"], whole):
            known["benchmark"] = "own-spider"  # earlier versions called every folder in Spider's layout so
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
        shown = {key: value for key, value in said.items() if key not in _LEFT_OUT or value != _LEFT_OUT[key]}
        shown |= {key: dict(shown[key]) for key in ("missing", "versions", "failed_golds", "costs") if key in shown}
        if self.scorer:
            shown["scorer"] = self.scorer.to_json()
        return shown | dict(self.others)

    def write(self, folder: Path) -> None:
        """Write the folder's ``run.json``, whole or not at all."""
        write_whole(folder / FILE, self.to_text())

    def to_text(self) -> str:
        """Return what stands in ``run.json``."""
        return json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n"

    def unfinished(self) -> RunInfo:
        """Return it without what scoring adds."""
        return replace(self, n=None, scorer=None, failed_golds={}, costs={})

    @property
    def asked(self) -> str:
        """The benchmark and the split or sample of it, as in a table: ``spider dev``."""
        return f"{self.benchmark} {self.sample or self.split}"

    @property
    def engine_option(self) -> str:
        """What ``--engine`` has to name to ask so again, '' where it is the usual one or none."""
        return "torch" if self.engine.startswith("torch") else ""


_SELDOM = ("metrics", "sqlite", "suite", "plug_value", "corrections")
_ORDER = (
    "format", "method", "steps", "model", "model_sha256", "adapter_sha256", "adapter_form", "engine", "manner",
    "endpoint", "cache_tag", "computed_by", "code", "embedder", "training", "benchmark", "split", "sample", "questions",
    "fingerprint", "schemas", "n_total", "missing", "seed", "version", "commit", "python", "versions", "side_by_side",
    "learnt_databases", "learnt_unknown", "started", "resumed", "served", "n", "scorer", "failed_golds", "costs",
)  # fmt: skip
_LEFT_OUT: Mapping[str, object] = {
    **dict.fromkeys(IDENTITY[10:], ""), "embedder": UNNAMED_EMBEDDER, "versions": {}, "side_by_side": 0,
    "learnt_databases": 0, "learnt_unknown": "", "resumed": (), "served": [], "n": None, "scorer": None,
    "failed_golds": {}, "costs": {},
}  # fmt: skip
_KINDS: Mapping[str, Kind] = {f.name: str for f in fields(RunInfo) if f.name != "others"} | {
    "seed": int, "n_total": int, "format": int, "n": int, "side_by_side": int, "learnt_databases": int,
    "missing": dict, "scorer": dict, "failed_golds": dict, "costs": dict, "versions": dict, "resumed": list,
    "served": list,
}  # fmt: skip
