"""The page on decoding, made from what a run found and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.decoding_calls import PAST, PROMPT, THREAD_COUNTS
from benchmarks.tables import table, threads

Found = Mapping[str, Any]

INTRODUCTION = """\
# Decoding

Made by `python -m benchmarks.decoding`, from [{name}]({name}), on {date}: {cpu}, {threads} threads,
float32. `examples/decoder/` with random weights of published sizes. Both backends share one
process and the memory of the weights, run in interleaved rounds of a new order each, and give the
same logits. Times are the best of all rounds, with medians in brackets; a step is one id after
{past} others, the prefill {prompt} ids of which the last one's logits are wanted."""


def render(found: Found, name: str) -> str:
    """Return the page."""
    head = INTRODUCTION.format(
        name=name, date=found["date"][:10], cpu=found["machine"]["cpu"],
        threads=found["threads"], past=PAST, prompt=PROMPT,
    )  # fmt: skip
    parts = [head]
    for preset, model in found["models"].items():
        parts += [f"## {preset}, {model['layers']} layers", *_model(model)]
    return "\n\n".join(parts) + "\n"


def _model(model: Found) -> Iterator[str]:
    """Yield a model's tables."""
    step, nbytes = model["decode"]["times"][str(model["automatic"]["decode"])], model["bytes"]
    rates = f"{1 / step['best']:,.1f} tok/s (median {1 / step['median']:,.1f})"
    yield f"A step reads {nbytes / 1e6:,.1f} MB of weights; at the thread count chosen, {rates}."
    if "roof" in model:
        yield _roof(model["roof"], nbytes)
    if "step" in model:
        yield _against(model)
    yield "### The optimizations, each on top of those before it"
    yield _optimizations(model["optimizations"])
    yield "### Thread counts"
    times = model["decode"]["times"]
    highest = THREAD_COUNTS[-1]
    most = times[str(highest)]
    yield (
        f"Decoding on the thread count chosen is **{most['best'] / step['best']:.2f}** times as "
        f"fast as on {highest} threads ({most['median'] / step['median']:.2f} of medians)."
    )
    yield _thread_counts(model)


def _roof(found: Found, nbytes: int) -> str:
    """Return the share of the memory's bandwidth that decoding reaches."""
    ours, loads = found["times"]["brickprof"], found["times"]["loads"]
    low, _, high = found["paired"]["loads"]
    return (
        f"Interleaved with plain loads of the same weights: {nbytes / ours['best'] / 1e9:.1f} GB/s "
        f"of {nbytes / loads['best'] / 1e9:.1f} GB/s, **{loads['best'] / ours['best']:.1%}** (of "
        f"medians {loads['median'] / ours['median']:.1%}, quartiles {low:.1%} to {high:.1%})."
    )


def _against(model: Found) -> str:
    """Return what was measured against transformers."""
    rows = []
    for title, name, ids in (("a step", "step", 1), ("prefill", "fill", PROMPT)):
        found = model[name]
        ours, theirs = found["times"]["brickprof"], found["times"]["transformers"]
        low, _, high = found["paired"]["transformers"]
        rows.append([
            title, f"{ids / ours['best']:,.1f}", f"{ids / theirs['best']:,.1f}",
            f"**{theirs['best'] / ours['best']:.2f}**",
            f"{theirs['median'] / ours['median']:.2f} ({low:.2f} to {high:.2f})",
        ])  # fmt: skip
    head = ["", "brickprof, tok/s", f"transformers {model['transformers']}", "ratio", "of medians"]
    ours, theirs = model["oversubscribed"]["times"].values()
    return f"{table(head, rows)}\n\n" + (
        f"Against transformers with a pool of {THREAD_COUNTS[-1]} threads, a step of brickprof is "
        f"**{theirs['best'] / ours['best']:.1f}** times as fast "
        f"({theirs['median'] / ours['median']:.1f} of medians)."
    )


def _optimizations(found: Found) -> str:
    """Return what each optimization gains."""
    rows, before, first = [], None, None
    for name, times in found["times"].items():
        first = first or times
        gain = f"{before['best'] / times['best']:.3f}" if before else ""
        middle = f"{before['median'] / times['median']:.3f}" if before else ""
        rows.append([
            name, f"{1e3 * times['best']:.3f} ({1e3 * times['median']:.3f})", gain, middle,
            f"{first['best'] / times['best']:.3f}",
        ])  # fmt: skip
        before = times
    return table(["", "ms a step", "gain", "of medians", "in all"], rows)


def _thread_counts(model: Found) -> str:
    """Return the rates by thread count, of decoding and of prefill."""
    rows = []
    for title in ("decode", "prefill"):
        times = model[title]["times"]
        ids = 1 if title == "decode" else PROMPT
        for count, taken in times.items():
            best = min(other["best"] for other in times.values())
            chosen = " (chosen)" if int(count) == model["automatic"][title] else ""
            rows.append([
                f"{title}, {threads(int(count))}{chosen}",
                f"{ids / taken['best']:,.1f} ({ids / taken['median']:,.1f})",
                f"{best / taken['best']:.1%}",
            ])  # fmt: skip
    return table(["", "tok/s", "of the best"], rows)
