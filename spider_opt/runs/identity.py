"""What makes two runs the same run, so that one can go on where the other was stopped; all else is for the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spider_opt.runs.info import RunInfo

IDENTITY = (
    "method", "steps", "model", "model_sha256", "adapter_sha256", "benchmark", "split", "sample", "fingerprint", "seed",
    "engine", "manner", "embedder", "training", "endpoint", "questions", "schemas", "computed_by", "code",
    "cache_tag", "adapter_form",
)  # fmt: skip
"""Those from the eleventh on may be missing in a file."""
# What a run of the first format did not write down where it says nothing.
_UNTOLD = IDENTITY[IDENTITY.index("training") :]
OWN, RECORDING = "own ", "recording "
"""What a ``cache_tag`` begins with that says what a model without one is, as far as can be seen, or a recording."""
_WORDS = {
    "training": "the training examples are others now",
    "questions": "the questions asked, or some of them, are others now",
    "adapter_form": "the adapter's card asks for another form now",
    "schemas": "the schemas that prompts show are others now: the databases', or those of tables.json",
}
_SHOWN = ("version", "commit", "python")


def differences(there: RunInfo, now: RunInfo) -> list[str]:
    """Say by what ``now``, which is to be run, is another run than the one ``there``; nothing where it is the same."""
    from spider_opt.models.manner import may_become  # scoring, which reads runs too, loads no model

    differ = [name for name in IDENTITY if getattr(there, name) != getattr(now, name)]
    if there.method != now.method and "steps" in differ:
        differ.remove("steps")  # the label says it shorter
    if "benchmark" in differ and there.fingerprint == now.fingerprint:
        differ.remove("benchmark")  # the same questions, in a folder of another name
    if "manner" in differ and may_become(now.manner, there.manner):
        differ.remove("manner")
    if there.format == 1:  # it hashed training examples otherwise, and told of the others nothing
        differ = [name for name in differ if name != "training" and (name not in _UNTOLD or getattr(there, name))]
    words = _WORDS | {"cache_tag": _of_tags(there.cache_tag, now.cache_tag)}
    return [
        words.get(name) or f"{name} is {getattr(there, name)!r} there, {getattr(now, name)!r} now" for name in differ
    ]


def _of_tags(there: str, now: str) -> str:
    if there.startswith(RECORDING) and now.startswith(RECORDING):
        return "the recording has other answers now"
    if there.startswith(RECORDING) or now.startswith(RECORDING):
        return f"what is there was {'' if there.startswith(RECORDING) else 'not '}answered from a recording like this"
    if not now.startswith(OWN):
        return "the model says by its cache_tag that it is another now"
    if not there.startswith(OWN):
        return "the model has no cache_tag to say that it is the one that answered there"
    return (
        "the model has no cache_tag, and its code or what it holds is another now; where that makes no other answers, "
        f"say so with cache_tag={there!r} in the model"
    )


def other_versions(there: RunInfo, now: RunInfo) -> list[str]:
    """Say what has changed since a run was begun that is no reason to refuse going on with it."""
    pairs = [(name, getattr(there, name), getattr(now, name)) for name in _SHOWN]
    known = there.versions
    pairs += [(name, known.get(name, ""), now.versions.get(name, "")) for name in sorted({*known, *now.versions})]
    if there.side_by_side and now.side_by_side:
        pairs.append(("questions side by side", str(there.side_by_side), str(now.side_by_side)))
    return [f"{name} {before or '-'} then, {after or '-'} now" for name, before, after in pairs if before != after]
