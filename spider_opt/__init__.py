"""spider-opt: a Text-to-SQL benchmark harness around Spider 1.0, from Python.

>>> import spider_opt as so
>>> so.load("spider-mini").split
'test'

Importing this loads nothing: each name is fetched from where it is defined when it is first used, and is what the
command of that name calls. No function prints to stdout or ends the process. What goes wrong is a ``SpiderOptError``;
the kinds there are stand in ``so.errors``.
"""

from importlib import import_module

__version__ = "0.1.0"

TYPE_CHECKING = False  # to a checker it is True; ``typing`` takes longer to load than all of this

if TYPE_CHECKING:
    from spider_opt import errors as errors
    from spider_opt import review as review
    from spider_opt.analysis.candidates import candidates as candidates
    from spider_opt.analysis.comparing import compare as compare
    from spider_opt.analysis.confidence import confidence as confidence
    from spider_opt.analysis.diagnosis import diagnose as diagnose
    from spider_opt.analysis.doubt import doubt as doubt
    from spider_opt.analysis.explaining import explain as explain
    from spider_opt.analysis.regression import check as check
    from spider_opt.benchmarks import load as load
    from spider_opt.benchmarks.corrections import read_corrections as corrections
    from spider_opt.bound_method import method as method
    from spider_opt.errors import RegressionError as RegressionError
    from spider_opt.errors import SpiderOptError as SpiderOptError
    from spider_opt.evaluation.estimating import estimate as estimate
    from spider_opt.evaluation.exporting import export as export
    from spider_opt.evaluation.running import evaluate as evaluate
    from spider_opt.evaluation.scoring_files import score as score
    from spider_opt.evaluation.verifying import verify as verify
    from spider_opt.integrations.trackers import log as log
    from spider_opt.models import open as model
    from spider_opt.report.page import write_report as write_report
    from spider_opt.runs import Run as Run
    from spider_opt.runs.costs import costs as costs
    from spider_opt.runs.labels import labels as labels
    from spider_opt.scoring import judge as judge
    from spider_opt.suites.build import build_suite as build_suite
    from spider_opt.types import Benchmark as Benchmark
    from spider_opt.types import ChatModel as ChatModel
    from spider_opt.types import Verdict as Verdict

_DEFINED_IN = {
    "Benchmark": "types",
    "ChatModel": "types",
    "RegressionError": "errors",
    "Run": "runs",
    "SpiderOptError": "errors",
    "Verdict": "types",
    "build_suite": "suites.build",
    "candidates": "analysis.candidates",
    "check": "analysis.regression",
    "compare": "analysis.comparing",
    "confidence": "analysis.confidence",
    "corrections": "benchmarks.corrections:read_corrections",
    "costs": "runs.costs",
    "diagnose": "analysis.diagnosis",
    "doubt": "analysis.doubt",
    "errors": "errors:",
    "estimate": "evaluation.estimating",
    "evaluate": "evaluation.running",
    "explain": "analysis.explaining",
    "export": "evaluation.exporting",
    "judge": "scoring",
    "labels": "runs.labels",
    "load": "benchmarks",
    "log": "integrations.trackers",
    "method": "bound_method",
    "model": "models:open",
    "review": "review:",
    "score": "evaluation.scoring_files",
    "verify": "evaluation.verifying",
    "write_report": "report.page",
}
"""The public names, and where in this package each is defined, by what name if it has another one there, ':' if it is
the module."""

__all__ = [
    "Benchmark",
    "ChatModel",
    "RegressionError",
    "Run",
    "SpiderOptError",
    "Verdict",
    "__version__",
    "build_suite",
    "candidates",
    "check",
    "compare",
    "confidence",
    "corrections",
    "costs",
    "diagnose",
    "doubt",
    "errors",
    "estimate",
    "evaluate",
    "explain",
    "export",
    "judge",
    "labels",
    "load",
    "log",
    "method",
    "model",
    "review",
    "score",
    "verify",
    "write_report",
]  # written out, for a type checker takes nothing else


if not TYPE_CHECKING:  # to a checker it would say that any name is there

    def __getattr__(name: str) -> object:
        if name not in _DEFINED_IN:
            raise AttributeError(f"module 'spider_opt' has no attribute {name!r}")
        defined, colon, there = _DEFINED_IN[name].partition(":")
        module = import_module(f"spider_opt.{defined}")
        value = module if colon and not there else getattr(module, there or name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_DEFINED_IN})
