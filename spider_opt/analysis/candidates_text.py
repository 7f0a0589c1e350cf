"""What was found among candidates as a person or a program reads it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from spider_opt.analysis.choices import ORACLE, OWN, Agreement, CandidateReport, Choice, PassAt
from spider_opt.analysis.paired import told as told_number
from spider_opt.answering.choosing import WAYS
from spider_opt.scoring.rules import CORRECTED
from spider_opt.scoring.statistics import said_of_interval
from spider_opt.wording import counted, either, table_line

HEAD = ("chosen by", "EX", "change (95 %)", "p", "won/lost", "recovered (95 %)")
MANY = 10
"""Of more samples to a question than these, pass@k is shown for powers of two."""
COLUMNS = (
    "id", "db_id", "run", "candidate", "votes", "outcome", "digest", "order", "logprob", "correct", "chosen_by", "sql"
)  # fmt: skip


def to_markdown(report: CandidateReport) -> str:
    """Return the tables, with a line on what there is above them, and below what they mean."""
    parts = [_what_there_is(report)]
    if report.pass_at and report.pass_at[-1].k > 1:
        parts.append(_pass_table(report.pass_at))
    ways = "".join(f"- {choice.way}: {choice.says}\n" for choice in report.choices)
    parts += [_ways_table(report.choices), ways, " ".join(_legend(report))]
    return "\n".join(f"{part.rstrip()}\n" for part in parts)


def _what_there_is(report: CandidateReport) -> str:
    wrong, several = report.of_wrong, len(report.runs) > 1
    whose = "The first run's" if several else "The run's"
    queries = counted(report.distinct, "different query", "different queries")
    return (
        f"{', '.join(run.where for run in report.runs)}: {report.runs[0].info.asked}, "
        f"{counted(report.n, 'question')}, {counted(report.samples, 'sample')}, {queries}.\n"
        f"{_split(report.agreement)}. "
        f"{whose} own choice is wrong on {wrong.n:,}: {_split(wrong).lower()}; a right one is there for "
        f"{wrong.mendable:,}.\n"
    )


def _split(agreement: Agreement) -> str:
    nothing = f", none runs on {agreement.nothing_ran:,}" if agreement.nothing_ran else ""
    return f"Results agree on {agreement.agree:,}, differ on {agreement.disagree:,}{nothing}"


def _pass_table(pass_at: Sequence[PassAt]) -> str:
    most = pass_at[-1].k
    shown = [one for one in pass_at if most <= MANY or one.k == most or one.k & (one.k - 1) == 0]
    return _table(
        ["samples k", *(str(one.k) for one in shown)],
        [
            ["pass@k", *(f"{one.value:.1f}{_error(one.se)}" for one in shown)],
            ["questions with k", *(f"{one.drawn:,}" for one in shown)],
        ],
    )


def _ways_table(choices: Sequence[Choice]) -> str:
    if all(choice.ex_corrected is None for choice in choices):
        return _table(HEAD, [_cells(choice) for choice in choices])
    rows = []
    for choice in choices:
        name, ex, *others = _cells(choice)
        corrected, se = choice.ex_corrected, choice.ex_corrected_se
        shown = "-" if corrected is None or se is None else f"{corrected:.1f}{_error(se)}"
        rows.append([name, ex, shown, *others])
    return _table([*HEAD[:2], CORRECTED, *HEAD[2:]], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(map(table_line, (head, rule, *rows)))


def _cells(choice: Choice) -> list[str]:
    change, p, won_lost = "-", "-", "-"
    if choice.against is not None:
        low, high = choice.against.low, choice.against.high
        span = "-" if math.isnan(low) else f"{_signed(low)} to {_signed(high)}"
        change, won_lost = f"{_signed(choice.against.change)} ({span})", f"{choice.against.won}/{choice.against.lost}"
    if choice.p_holm is not None:
        p = "<0.001" if choice.p_holm < 0.001 else f"{choice.p_holm:.3f}"
    return [choice.way, f"{choice.ex:.1f}{_error(choice.ex_se)}", change, p, won_lost, _share(choice)]


def _share(choice: Choice) -> str:
    found = choice.recovered
    if found is None or math.isnan(found.share) or choice.way in ("vote", ORACLE):
        return "-"
    span = "" if math.isnan(found.low) else f" ({found.low:.0f} to {found.high:.0f})"
    return f"{found.share:.0f} %{span}"


def _error(se: float) -> str:
    return "" if math.isnan(se) else f" ± {se:.1f}"


def _signed(points: float) -> str:
    return f"{round(points, 1) + 0.0:+.1f}"  # + 0.0 makes of -0.0 a 0.0


def _legend(report: CandidateReport) -> Iterator[str]:
    one, several = ("gold query", "gold queries") if report.by == "query" else ("database", "databases")
    n_ways = sum(choice.p_holm is not None for choice in report.choices)
    yield (
        f"Judged by {report.rules.main}. ±: standard error, questions of one {one} counted as dependent. "
        f"Change: points against {OWN}, with {said_of_interval(several)}. p: McNemar's exact test, "
        f"corrected by Holm for {n_ways} ways. Recovered: the share in the points "
        "that the oracle has over vote."
    )
    if report.rules.corrections is None:
        yield "Golds are as the benchmark has them."
    else:
        yield f"{CORRECTED.capitalize()}: EX with corrected golds ({report.rules.corrections}); all else is without."
    if report.pass_at and report.pass_at[-1].drawn < report.n:
        yield (
            "pass@k: of k samples one at least is right. Where a method drew fewer, since they settled the answer, "
            "those count, which moves it a little; of methods that end at the first that runs it is what came among "
            "the first k."
        )
    if len(report.runs) > 1:
        yield "Each run has one vote to a question, divided among its samples; pass@k is the first run's."
    if not report.by_logprob:
        names = " and ".join(way for way, what in WAYS.items() if what.by_logprob)
        keeps = either(
            "model(…, logprobs=True) asks a server for them", "in Python so.model(…, logprobs=True) asks for them"
        )
        yield f"Without {names}: the samples have no log probabilities ({keeps})."


def to_json(report: CandidateReport) -> dict[str, Any]:
    """Return the numbers, JSON-able; None where something cannot be told."""
    info = report.runs[0].info
    told = {
        "benchmark": info.benchmark,
        "split": info.split,
        "fingerprint": info.fingerprint,
        "runs": [{"run": run.where, "method": run.info.method, "model": run.info.model} for run in report.runs],
        "n": report.n,
        "samples": report.samples,
        "distinct": report.distinct,
        "scorer": report.rules.noted(),
        "corrections": str(report.rules.corrections or ""),
        "by": report.by,
        "agreement": asdict(report.agreement),
        "of_wrong": asdict(report.of_wrong) | {"n": report.of_wrong.n},
        "pass_at": [asdict(one) for one in report.pass_at],
        "ways": [_flat(choice) for choice in report.choices],
    }
    found = _plain(told)
    assert isinstance(found, dict)
    return found


def _flat(choice: Choice) -> dict[str, Any]:
    change, share = choice.against, choice.recovered
    return {
        "way": choice.way,
        "says": choice.says,
        "ex": choice.ex,
        "ex_se": choice.ex_se,
        "ex_corrected": choice.ex_corrected,
        "ex_corrected_se": choice.ex_corrected_se,
        **{name: getattr(change, field, None) for field, name in _OF_CHANGE.items()},
        "p_holm": choice.p_holm,
        "recovered": share and share.share,
        "recovered_low": share and share.low,
        "recovered_high": share and share.high,
    }


_OF_CHANGE = {
    "change": "change", "low": "change_low", "high": "change_high", "won": "won", "lost": "lost", "p": "p"
}  # fmt: skip


def _plain(value: Any) -> Any:
    """Return a value with rounded numbers, and None for those that are none."""
    if isinstance(value, float):
        return told_number(value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def to_csv(report: CandidateReport) -> str:
    """Return a row for each candidate: whose, with how many votes, how it ended, whether it is right, who chose it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    ways = [choice for choice in report.choices if choice.numbers]
    for place, pool in enumerate(report.pools):
        by_number: dict[int, list[str]] = {}
        for choice in ways:
            by_number.setdefault(choice.numbers[place], []).append(choice.way)
        for i, candidate in enumerate(pool.candidates):
            correct = report.judged[pool.index, candidate.sql].correct
            logprob = "" if candidate.logprob is None else candidate.logprob
            whose = report.runs[pool.runs[i]].where
            writer.writerow([
                pool.id, pool.db_id, whose, i, round(float(pool.votes[i]), 4), candidate.outcome, candidate.digest,
                candidate.order, logprob, int(correct), " ".join(by_number.get(i, ())), candidate.sql,
            ])  # fmt: skip
    return text.getvalue()
