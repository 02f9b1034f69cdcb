"""How fast a language model answered: time to the first token, prefill and decoding apart."""

from __future__ import annotations

from dataclasses import dataclass

from brickprof.core import metrics, units
from brickprof.core.checks import checked_flag, short_repr
from brickprof.core.histograms import bucket_bounds, percentile_ns
from brickprof.core.levels import TileLevel
from brickprof.recording import BrickInfo, Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSummary:
    """Prefill or decoding: calls of a brick, whose tiles' elements are tokens.

    Parameters
    ----------
    brick : str
        The brick.
    calls : int
        Its calls: prompts, or steps.
    tokens : int or None
        Tokens of all calls; None where its tiles declared no elements.
    wall_ns : int
        Wall time of the calls in nanoseconds, time that overlaps counted once.
    p50_ns, p90_ns, p99_ns : int or None
        Nearest-rank percentiles of the times of calls, within 1/64; None where none was kept.
    """

    brick: str
    calls: int
    tokens: int | None
    wall_ns: int
    p50_ns: int | None
    p90_ns: int | None
    p99_ns: int | None

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens per second; None where they are not known."""
        return None if self.tokens is None else metrics.throughput(self.tokens, self.wall_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSummary:
    """How fast a language model answered.

    Parameters
    ----------
    prefill : PhaseSummary
        Prompts.
    decode : PhaseSummary or None
        Steps that gave the tokens after; None where there was none.
    first_token_ns : int or None
        Time to the first token: of the median prompt and, where that gives no token itself, of the
        median step behind it. None where that is not known.
    """

    prefill: PhaseSummary
    decode: PhaseSummary | None
    first_token_ns: int | None

    def __str__(self) -> str:
        """Return the summary as lines of text."""
        lines = []
        if self.first_token_ns is not None:
            lines.append(f"first token  {units.format_ns(self.first_token_ns)}")
        for name, phase, noun in (
            ("prefill", self.prefill, "prompt"),
            ("decode", self.decode, "step"),
        ):
            if phase is not None:
                lines.append(f"{name:11}  {_described(phase, noun)}")
        return "\n".join(lines)


def generation_summary(
    recording: Recording,
    prefill: str = "prefill",
    decode: str = "decode",
    *,
    prefill_gives_token: bool = True,
) -> GenerationSummary:
    """Summarize how fast a language model answered.

    A program makes each prompt a call of one brick and each step a call of another, with one tile
    around it whose ``elements`` are its tokens: the prompt's length, or the sequences of a step's
    batch. Recordings of several runs may be merged before.

    Parameters
    ----------
    recording : Recording
        The recording.
    prefill, decode : str
        Names of the bricks. Their tokens are the elements of the coarsest level that declares any.
    prefill_gives_token : bool
        Whether the first token comes out of the prompt, as with most decoders; else it is that of a
        step.

    Returns
    -------
    GenerationSummary

    Raises
    ------
    TypeError
        If an argument is of another type.
    KeyError
        If no call of `prefill` was recorded; the message names it, and the bricks that were.
    """
    if not isinstance(recording, Recording):
        raise TypeError(f"recording must be a Recording, got {type(recording).__name__}")
    for name, value in (("prefill", prefill), ("decode", decode)):
        if not isinstance(value, str):
            raise TypeError(f"{name} must be the name of a brick, got {short_repr(value)}")
    gives_token = checked_flag("prefill_gives_token", prefill_gives_token)
    if prefill not in recording.bricks:
        raise KeyError(
            f"prefill must be a brick of the recording, got {short_repr(prefill)}: it has "
            f"{units.listed([short_repr(one) for one in recording.bricks[:8]]) or 'none'}"
        )
    prompts = _phase(recording, recording.brick_info(prefill))
    steps = None
    if decode in recording.bricks:
        steps = _phase(recording, recording.brick_info(decode))
    first = prompts.p50_ns
    if not gives_token:
        step = None if steps is None else steps.p50_ns
        first = None if first is None or step is None else first + step
    return GenerationSummary(prefill=prompts, decode=steps, first_token_ns=first)


def _phase(recording: Recording, info: BrickInfo) -> PhaseSummary:
    """Summarize the calls of a brick."""
    by_level = [recording.tile_stats(level, info.name).elements for level in TileLevel]
    times: list[int | None] = [None, None, None]
    if info.call_times:
        first, last = (sum(bucket_bounds(info.call_times[end][0])) // 2 for end in (0, -1))
        times = [percentile_ns(info.call_times, p, first, last) for p in (50, 90, 99)]
    return PhaseSummary(
        brick=info.name,
        calls=info.calls,
        tokens=next((elements for elements in by_level if elements), None),
        wall_ns=info.wall_ns,
        p50_ns=times[0],
        p90_ns=times[1],
        p99_ns=times[2],
    )


def _described(phase: PhaseSummary, noun: str) -> str:
    """Return what is known of a phase, in words."""
    parts = [units.format_counted(phase.calls, noun)]
    rate = phase.tokens_per_s
    if phase.tokens is not None and rate is not None:
        parts = [f"{units.format_number(rate)} tok/s", units.format_counted(phase.tokens, "token")]
        parts.append(f"in {units.format_counted(phase.calls, noun)}")
    if phase.p50_ns is not None and phase.p99_ns is not None:
        half = f"half within {units.format_ns(phase.p50_ns)}"
        parts.append(f"{half}, 99 % within {units.format_ns(phase.p99_ns)}")
    return ", ".join(parts)
