"""Where a model stands between context and behaviour, and the sentences that say it."""

from __future__ import annotations

from dataclasses import dataclass

from spider_opt.analysis.diagnosis.causes import OF_THE_DATABASE, RUNGS, Rung
from spider_opt.analysis.diagnosis.diagnosing import Diagnosis
from spider_opt.analysis.diagnosis.next_step import NextStep
from spider_opt.analysis.diagnosis.oracle.findings import OracleFindings
from spider_opt.wording import counted

ENOUGH = 10
"""Controls from which on a share of them is told of all answers."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Points ``lost``, and from how many to how many of them are by ``context`` and by ``behaviour``.

    Where the oracle was asked (``is_known``) both ends are equal. ``database`` is the context at most without examples
    of the query's form. ``title`` names the run, ``next_text`` what to try.
    """

    title: str
    lost: float
    context: tuple[float, float]
    behaviour: tuple[float, float]
    neither: float
    database: float
    is_known: bool
    next_text: str


def standing(found: Diagnosis, oracle: OracleFindings | None, steps: tuple[NextStep, ...]) -> Standing:
    """Return where a run's model stands.

    Without an oracle context is at least what was withheld from the prompt, behaviour what no context could mend.
    """
    info, n = found.run.info, found.n or 1
    lost, neither = found.points(lambda _: True), found.neither
    title = f"{info.method}{f' with {info.model}' if info.model else ''} on {info.asked}"
    said = next_sentence(steps)
    if oracle is not None:
        mended, stayed = 100 * len(oracle.mended) / n, 100 * len(oracle.stayed) / n
        database = 100 * sum(oracle.mended_at(rung) for rung in OF_THE_DATABASE) / n
        return Standing(title, lost, (mended, mended), (stayed, stayed), neither, database, True, said)
    context, behaviour = found.context_at_most(), found.behaviour_at_most
    most, database = lost - neither, found.context_of_database_at_most
    by_context = max(0.0, most - behaviour), context
    by_behaviour = max(0.0, most - context), behaviour
    return Standing(title, lost, by_context, by_behaviour, neither, database, False, said)


def oracle_sentences(found: Diagnosis, oracle: OracleFindings) -> str:
    """Return what the oracle found, and how much of it a mere change of the prompt would have done."""
    n = found.n or 1
    points = {rung: 100 * oracle.mended_at(rung) / n for rung in RUNGS}
    context, stayed = sum(points.values()), 100 * len(oracle.stayed) / n
    chance, broken = oracle.by_chance, oracle.broken_by_all
    database = sum(points[rung] for rung in OF_THE_DATABASE)
    lines = [
        f"Of {100 * len(found.wrong) / n:.1f} points lost, {context:.1f} are context: gold's tables alone mend "
        f"{points[Rung.TABLES]:.1f}, its columns {points[Rung.COLUMNS]:.1f}, its values {points[Rung.VALUES]:.1f} "
        f"(together {database:.1f}), an example of the query's form {points[Rung.DEMO]:.1f}. {stayed:.1f} stay wrong "
        f"with all of it in the prompt: behaviour. {found.neither:.1f} are neither (gold is wrong, or nothing is seen "
        "to differ)."
    ]
    controls = []
    if chance.n:
        would = chance.share * 100 * oracle.asked / n
        controls.append(
            f"of {counted(chance.n, 'wrong answer')} asked with the tables in another order {chance.turned} "
            + (f"turned right, as {would:.1f} of the points would" if chance.n >= ENOUGH else "turned right")
        )
    if broken.n:
        net = context - broken.share * found.run.ex
        controls.append(
            f"of {counted(broken.n, 'right answer')} asked with all of gold's context {broken.turned} turned wrong"
            + (
                f", so that all of it for every question would bring about {net:+.1f} points and not {context:+.1f}"
                if broken.n >= ENOUGH
                else ""
            )
        )
    if controls:
        few = min(one.n for one in (chance, broken) if one.n) < ENOUGH
        lines.append(
            f"A changed prompt does something by itself: {'; '.join(controls)}"
            + ("; these are too few to say how much." if few else ".")
        )
    if oracle.no_demo:
        lines.append(f"{counted(oracle.no_demo, 'question')} had no training example with gold's skeleton.")
    return " ".join(lines)


def next_sentence(steps: tuple[NextStep, ...]) -> str:
    """Return the one thing to try next, with the command; '' where nothing is left to try."""
    if not steps:
        return ""
    first = steps[0]
    most = f"at most {first.at_most:.1f} points" + ("" if first.is_known else ", by what is lost to behaviour at most")
    return f"Next: {first.step}, which could bring {most} ({first.why}): {first.command}"
