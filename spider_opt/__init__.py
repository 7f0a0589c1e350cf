"""spider-opt: a Text-to-SQL benchmark harness around Spider 1.0, from Python.

>>> import spider_opt as so
>>> so.load("spider-mini").split
'test'

Importing this loads nothing: each name is fetched from where it is defined when it is first used, and is what the
command of that name calls. No function prints to stdout or ends the process. What goes wrong is a ``SpiderOptError``;
the kinds there are stand in ``spider_opt.errors``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from spider_opt.analysis.comparing import compare as compare
    from spider_opt.analysis.regression import check as check
    from spider_opt.benchmarks import load as load
    from spider_opt.bound_method import method as method
    from spider_opt.errors import RegressionError as RegressionError
    from spider_opt.errors import SpiderOptError as SpiderOptError
    from spider_opt.evaluation.running import evaluate as evaluate
    from spider_opt.evaluation.scoring_files import score as score
    from spider_opt.models import open as model  # noqa: F401
    from spider_opt.runs import Run as Run
    from spider_opt.scoring import judge as judge
    from spider_opt.types import Benchmark as Benchmark
    from spider_opt.types import ChatModel as ChatModel
    from spider_opt.types import Verdict as Verdict

_PLACES = {
    "Benchmark": "types",
    "ChatModel": "types",
    "RegressionError": "errors",
    "Run": "runs",
    "SpiderOptError": "errors",
    "Verdict": "types",
    "check": "analysis.regression",
    "compare": "analysis.comparing",
    "evaluate": "evaluation.running",
    "judge": "scoring",
    "load": "benchmarks",
    "method": "bound_method",
    "model": "models:open",
    "score": "evaluation.scoring_files",
}
"""The public names, and where in this package each is defined, by what name if it has another one there."""

__all__ = [*_PLACES, "__version__"]  # all of them are names


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'spider_opt' has no attribute {name!r}")
    module, _, there = _PLACES[name].partition(":")
    value = getattr(import_module(f"spider_opt.{module}"), there or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
