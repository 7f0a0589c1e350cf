"""What people and judges say, as a person reads it."""

from __future__ import annotations

import math

from spider_opt.review.agreement import Estimate
from spider_opt.review.summary import DECIDED, Agreement, SeenByPeople, Summary, Voice
from spider_opt.runs.labels import SAID
from spider_opt.wording import counted


def as_text(summary: Summary) -> str:
    """Return a summary in lines: what each says beside EX, how far they agree, and what that makes of each run."""
    if not summary.voices:
        return "no answer has a label"
    people = sum(not voice.judge and voice.name != "people" for voice in summary.voices)
    judges = sum(voice.judge for voice in summary.voices)
    by = [counted(people, "person", "people")] * (people > 0) + [counted(judges, "judge")] * (judges > 0)
    lines = [f"{counted(summary.n, 'answer')} with labels, by {' and '.join(by)}"]
    wide = max(len(_name(voice)) for voice in summary.voices)
    lines.append(f"{'':{wide}}          EX right:             EX wrong:")
    lines.append(f"{'':{wide}}     n  right wrong unsure   right wrong unsure   as EX, %")
    for voice in summary.voices:
        counts = "   ".join("{:5} {:5} {:6}".format(*(voice.counts[of][label] for label in SAID)) for of in DECIDED)
        lines.append(f"{_name(voice):{wide}} {voice.n:5}  {counts}   {_agrees(voice.with_ex)}")
    for pair in summary.pairs:
        lines.append(f"{pair.first} and {pair.second}: the same label, % {_agrees(pair)}")
    if summary.alpha is not None:
        lines.append(
            f"all people: Krippendorff's alpha {_known(summary.alpha)} on "
            f"{counted(summary.alpha.n, 'answer')} that several judged"
        )
    for voice in summary.voices:
        if voice.judge:
            said = f"% {_agrees(voice.with_people)}" if voice.with_people else "no answer that both judged"
            lines.append(f"{_name(voice)} and people: the same label, {said}")
    lines += map(_of_run, summary.runs)
    lines.append("intervals: 95 %, by gold queries")
    return "\n".join(" ".join(line.splitlines()) for line in lines)  # a judge may be called anything


def _name(voice: Voice) -> str:
    return f"{voice.name} (judge)" if voice.judge else voice.name


def _agrees(found: Agreement) -> str:
    return f"{found.same.shown()}, kappa {_known(found.kappa)}, n={found.same.n}"


def _known(estimate: Estimate) -> str:
    return "not defined" if math.isnan(estimate.value) else estimate.shown(2)


def _of_run(run: SeenByPeople) -> str:
    said = f"{run.name}: EX {run.ex:.1f}, n={run.n:,}; as people see it "
    if math.isnan(run.accuracy.value):
        why = "what EX calls right and what it calls wrong must both have labels" if run.accuracy.n else "no label"
        return f"{said}not known: {why}"
    few = ", too few for an interval" if math.isnan(run.accuracy.low) else ""
    return (
        f"{said}{run.accuracy.shown()}, by {counted(run.accuracy.n, 'label')} (EX of these {run.labelled_ex:.1f}{few})"
    )
