"""The mean of adapters, as one adapter.

Trainings that began alike and saw different things may lie in one valley of the loss; their mean can then be better
than each, and costs no more to answer with. Source: Wortsman et al. 2022, arXiv:2203.05482 (model soups).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_opt import __version__
from spider_opt.errors import UsageError
from spider_opt.models.adapters import Adapter, all_learnt, check_unchanged, write_card, write_learnt
from spider_opt.models.lagging import warn_of_lag
from spider_opt.models.torch.base import import_transformers
from spider_opt.models.torch.gguf import LoraFile, read_gguf, write_adapter
from spider_opt.runs.describing import commit
from spider_opt.training.learnt import said_of_data

if TYPE_CHECKING:
    from torch import Tensor

_ALIKE = {"base": "tune other models", "look": "are asked in other words", "target": "answer otherwise"}


def merge(parts: Sequence[tuple[Adapter, float]], folder: Path, *, rank: int | None = None) -> dict[str, Any]:
    """Write the weighted mean of what adapters learnt as an adapter in ``folder``; return its card.

    ``parts`` are at least two adapters with their shares, which need not sum to 1. The mean is cut back to ``rank``,
    by default the highest among them: of each layer the closest product of two matrices of that rank stays. The
    card has the parts' own cards, and as ``kept`` how much of the mean stayed, measured as the sum of squares.

    Raises:
        FileExistsError: the folder is there already.
        ModelUnavailable: torch is not installed.
        UsageError: the adapters are not of one model, or not asked in one form.
        WeightsError: an adapter's file cannot be read, or was replaced meanwhile.
    """
    for (one, _), (other, _) in pairwise(parts):
        _check_alike(one, other)
    import_transformers()
    for adapter, _ in parts:
        warn_of_lag(adapter)
    files = [(adapter, share, adapter.path) for adapter, share in parts]
    read = [(read_gguf(file), share) for _, share, file in files if file is not None]
    for adapter, _, file in files:
        if file is not None:
            check_unchanged([file], adapter.sha256)
    total = sum(share for _, share in read)
    read = [(learnt, share / total) for learnt, share in read]
    rank = rank or max(learnt.rank for learnt, _ in read)
    alpha = 2.0 * rank
    weights, kept = _mean(read, rank, alpha)
    base = parts[0][0].card["base"]
    card = {
        "name": folder.name,
        "base": base,
        "look": parts[0][0].card["look"],
        "target": parts[0][0].card["target"],
        "data": said_of_data(
            _data([adapter.card for adapter, _ in parts]), all_learnt(adapter.learnt_databases for adapter, _ in parts)
        ),
        "settings": {"rank": rank, "alpha": alpha},
        "kept": round(kept, 4),
        "merged": [{"share": round(share / total, 4), "card": dict(adapter.card)} for adapter, share in parts],
        "version": __version__,
        "commit": commit(),
    }
    architecture = read[0][0].architecture
    folder.mkdir(parents=True)
    try:
        sha256 = write_adapter(folder, weights, base=base["name"], architecture=architecture, rank=rank, alpha=alpha)
        card["sha256"] = sha256
        write_learnt(folder, all_learnt(adapter.learnt_questions for adapter, _ in parts))
        write_card(folder, card)
    except BaseException:  # Ctrl-C too: no folder stays that is no adapter
        shutil.rmtree(folder)
        raise
    return card


def _check_alike(one: Adapter, other: Adapter) -> None:
    for adapter in (one, other):
        if adapter.hosted:
            raise UsageError(f"{adapter.name!r} was tuned at a provider: what it learnt is not here to be merged")
    for key, what in _ALIKE.items():
        if one.card.get(key) != other.card.get(key):
            raise UsageError(f"{one.name!r} and {other.name!r} {what}: merge adapters that were tuned alike")


def _data(cards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what all were tuned on, as far as they agree."""
    datas = [data if isinstance(data, dict) else {} for data in (card.get("data") for card in cards)]
    agreed = {key: value for key, value in datas[0].items() if all(data.get(key) == value for data in datas)}
    agreed.pop("db_ids", None)  # said of all together
    sources = dict.fromkeys(data["source"] for data in datas if data.get("source"))
    return {**agreed, "source": ", ".join(sources)} if sources else agreed


def _mean(read: Sequence[tuple[LoraFile, float]], rank: int, alpha: float) -> tuple[dict[str, Tensor], float]:
    """Return the matrices of the mean, in the order of the first, and the share of its squares that they keep.

    The products themselves, of a layer's whole size, are never made: both sides are brought to square form first.
    """
    import torch
    from torch.nn.functional import pad

    made: dict[str, Tensor] = {}
    kept = whole = 0.0
    for key in read[0][0].weights:
        if ".lora_A." not in key:
            continue
        other = key.replace(".lora_A.", ".lora_B.")
        a = torch.cat([learnt.weights[key] for learnt, _ in read])
        b = torch.cat([learnt.weights[other] * (learnt.alpha / learnt.rank * share) for learnt, share in read], 1)
        left, small_left = torch.linalg.qr(b.double())
        right, small_right = torch.linalg.qr(a.double().T)
        u, s, v = torch.linalg.svd(small_left @ small_right.T)
        kept += float((s[:rank] ** 2).sum())
        whole += float((s**2).sum())
        root = (s[:rank] / (alpha / rank)).sqrt()
        short = rank - len(root)  # where the parts have less between them, the rest is zeros
        made[other] = pad((left @ u[:, :rank] * root).float(), (0, short))
        made[key] = pad((root[:, None] * (v[:rank] @ right.T)).float(), (0, 0, 0, short))
    return {key: made[key] for key in read[0][0].weights}, kept / whole if whole else 1.0
