"""Runs a user's own copy of an official script, and writes down its verdicts one by one.

A script of its own, started with the user's Python: it imports nothing but the standard library. The official scripts
print sums only. ``evaluation.py`` of Spider is run as from a shell, unchanged, on files of one question each, and what
it prints for that one question is its verdict. ``evaluation_ex.py`` and ``evaluation_f1.py`` of BIRD are run as from a
shell on some questions at a time; their function ``sort_results``, which is handed all verdicts, is listened to.

Usage: ``python official_driver.py JOB.json``; a line of JSON for each verdict is added to the job's ``results``.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import types
from typing import Any

_ROW = {
    "exec": re.compile(r"^execution +(.*)$", re.MULTILINE),
    "match": re.compile(r"^exact match +(.*)$", re.MULTILINE),
}
_OF_ALL = 4  # behind easy, medium, hard and extra
_SAID = 400


class Missing(Exception):
    """What the script needs and this Python has not."""


def options(**given: str | None) -> list[str]:
    """Return options as a shell gives them; None is for one without a value."""
    return [word for name, value in given.items() for word in ("--" + name, value) if word is not None]


def run_script(path: str, code: types.CodeType, arguments: list[str]) -> str:
    """Run a script as from a shell, in this process; returns what it printed."""
    module = types.ModuleType("__main__")
    module.__file__ = path
    main, argv = sys.modules["__main__"], sys.argv
    sys.modules["__main__"], sys.argv = module, [path, *arguments]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            exec(code, module.__dict__)
    except SystemExit as error:
        if error.code:
            raise RuntimeError(f"it ended with {error.code}: {printed.getvalue()[-_SAID:]}") from None
    except ModuleNotFoundError as error:
        raise Missing(error.name or str(error)) from None
    except ImportError as error:
        raise Missing(f"import: {error}") from None
    except LookupError as error:
        found = re.search(r"nltk\.download\('([^']+)'\)", str(error))
        if found or "NLTK" in str(error).upper():
            raise Missing(f"nltk data {found[1] if found else 'punkt'}") from None
        raise
    finally:
        sys.modules["__main__"], sys.argv = main, argv
    return printed.getvalue()


def spider(job: dict[str, Any], code: types.CodeType, tell: Any) -> None:
    """Give each question to the script alone."""
    for at in range(job["start"], len(job["pred"])):
        for name in ("pred", "gold"):
            with open(f"{name}_one.txt", "w", encoding="utf-8") as file:
                file.write(job[name][at])
        tables = job["tables"][job["db_ids"][at]]
        given = options(
            gold="gold_one.txt", pred="pred_one.txt", db=job["databases"], table=tables, etype=job["etype"]
        )  # fmt: skip
        given += options(**dict.fromkeys(job["flags"]))
        try:
            printed = run_script(job["script"], code, given)
        except Missing:
            raise
        except BaseException as error:  # whatever ends the script ends it for this question alone
            tell({"at": at, "error": f"{type(error).__name__}: {error}"[:_SAID]})
            continue
        said = {}
        for metric, row in _ROW.items():
            found = row.search(printed)
            if found and (job["etype"] in ("all", metric)):
                said[metric] = float(found[1].split()[_OF_ALL])
        last = (printed.strip().splitlines() or ["nothing"])[-1]
        tell({"at": at, "said": said} if said else {"at": at, "error": f"it printed no verdict, but {last}"[:_SAID]})


def bird(job: dict[str, Any], code: types.CodeType, tell: Any) -> None:
    """Give some questions at a time to the script."""
    import multiprocessing

    with contextlib.suppress(ValueError):
        multiprocessing.set_start_method("fork", force=True)
    heard: list[Any] = []
    try:
        import evaluation_utils  # type: ignore[import-not-found]
    except ModuleNotFoundError as error:
        raise Missing(error.name or str(error)) from None
    sort_results = evaluation_utils.sort_results

    def listening(results: Any) -> Any:
        heard[:] = sort_results(results)
        return heard[:]

    evaluation_utils.sort_results = listening
    n, some = len(job["pred"]), job["some"]
    for first in range(job["start"], n, some):
        last = min(first + some, n)
        heard.clear()
        with open("pred.json", "w", encoding="utf-8") as file:
            json.dump({str(at - first): job["pred"][at] for at in range(first, last)}, file)
        for name in ("gold", "difficulty"):
            with open(f"{name}_some.txt", "w", encoding="utf-8") as file:
                file.writelines(job[name][first:last])
        given = options(
            predicted_sql_path="pred.json", ground_truth_path="gold_some.txt",
            db_root_path=job["databases"] + os.sep, diff_json_path="difficulty_some.txt",
        )  # fmt: skip
        why = "it gave no verdicts"
        try:
            run_script(job["script"], code, given)
        except Missing:
            raise
        except BaseException as error:  # sums over no question of some difficulty fail, after all verdicts were given
            why = f"{type(error).__name__}: {error}"[:_SAID]
        said = {one["sql_idx"]: one["res"] for one in heard}
        for at in range(first, last):
            tell(
                {"at": at, "said": {job["etype"]: said[at - first]}} if at - first in said else {"at": at, "error": why}
            )


def main() -> None:
    """Do the job, of which the file's name is the only argument."""
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [job["folder"], *(path for path in sys.path if os.path.abspath(path) != here)]
    with open(job["script"], encoding="utf-8") as file:
        code = compile(file.read(), job["script"], "exec")
    with open(job["results"], "a", encoding="utf-8") as results:

        def tell(line: dict[str, Any]) -> None:
            results.write(json.dumps(line) + "\n")
            results.flush()

        try:
            # Its imports may take long, and fail: they come before a question's time counts.
            with contextlib.suppress(RuntimeError):
                run_script(job["script"], code, options(help=None))
            tell({"ready": True})
            (bird if job["form"] == "bird" else spider)(job, code, tell)
        except Missing as missing:
            tell({"missing": str(missing)})


if __name__ == "__main__":
    main()
