"""What each code of a finding means: how it is found, why it costs time, what to do."""

from __future__ import annotations

EXPLANATIONS: dict[str, str] = {
    "above-roof": """\
A level runs at more than 105 % of its roof. Nothing can, so that one of the inputs is wrong:
the flops or bytes that the tiles declare, or the roof. Bytes are those between the level's
cache and the core, each load and each store counted; flops count a multiply-add as two. A roof
that was measured while something else ran is too low: `brickprof calibrate` raises it.""",
    "compute-bound": """\
The intensity is above the ridge point, and the rate between half the peak and four fifths of it.
Where it is above the measured ceiling of half-width vectors, or of multiplications and additions
apart, the finding says that full vectors or multiply-adds are in use. What is left: loads and
stores beside each multiply-add, too few independent sums to cover the latency, operations that are
no multiply-adds (exponentials, comparisons, shuffles), edges of tiles that fill their vectors in
part, packing. A larger register tile does more operations for each load.""",
    "core-ceiling": """\
The rate is that of a measured ceiling inside the core, to a few percent: scalar code, vectors
of half or a quarter of the width, multiplications and additions apart, one chain of operations
that wait for each other, divisions, square roots or exponentials. `brickprof calibrate`
measures the ceilings with the same probes as the peak; no memory is near its bandwidth. A loop
that does what the ceiling's probe does cannot go faster: it has to be written, or compiled, in
another way.""",
    "footprint": """\
The bytes that a tile was declared to hold (footprint_bytes=) are more than its thread's share
of the level's cache, and the level is below its roof. What a tile uses again is gone by then
and comes from the next memory. Tiles of a quarter to a half of the share leave room for what
streams past.""",
    "library-call": """\
The tiles of the brick are calls of NumPy, SciPy or PyTorch (bp.auto_instrument, brickprof run),
with flops and bytes counted from shapes, each operand once. Their code is not yours: what is said
of vectors and registers does not help. The share is of what all threads of the library can
attain together. What can be changed is how it is called: how often, with how much, with which
element type and layout, into which memory, on how many threads, and which library.""",
    "memory-bound": """\
The tiles' bytes move at the measured bandwidth of the memory that is named: at most of that of
their own level's cache, or at that of a memory behind it, which means that they do not stay in
their cache. Faster arithmetic changes nothing. Fewer bytes for each operation do: larger tiles
one level in, passes that are fused, a smaller element type.""",
    "near-roof": """\
The rate is over four fifths of the peak, and nothing else was found. The tile loops are done:
only fewer operations, a smaller element type, a wider instruction set or more threads make it
faster.""",
    "neither-roof": """\
The rate is near neither the peak nor the bandwidth, and at no ceiling inside the core. The
finding says what the figures rule out and what is left. A rate above that of scalar code rules
scalar code out, time on the processor rules waiting out, half of a cache's bandwidth rules
scattered access out. What is left is told apart by trying: sort or pack the data (scattered
access), unroll with several sums (dependent operations), batch calls (overhead of Python), pad
to a line (false sharing); or by hardware counters where there are any (branch misses, TLB
misses).""",
    "no-gain": """\
A sweep's highest rate needs no more threads than a lower count, within the spread. More threads
take memory bandwidth and processors from others.""",
    "noisy-machine": """\
A few tiles in a hundred or less took more than 16 times the median, and over a twentieth of the
time. Something else ran: another process, interrupts, the host of a virtual machine. Rates in
findings are those of the median tile and do not suffer from it.""",
    "noisy-roofs": """\
The roofs that the recording is held against were measured while something else ran, or
contradict each other. Efficiencies are then too high. `brickprof calibrate` on an idle machine
raises them.""",
    "outer-self-time": """\
A Macro or Midi level takes over a fifth of the time outside the tiles inside it: packing,
set-up, loop control, or waiting for other threads.""",
    "oversubscription": """\
More threads worked than processors may be used. They take turns, put each other's data out of
the caches, and those that wait for one that does not run lose its turn as well.""",
    "page-faults": """\
The operating system handled so many page faults that their least cost, or the time that threads
spent in the kernel, is over a tenth of the time. Memory that is touched for the first time is
mapped and zeroed page by page. Allocate once, touch it before the kernel is timed, and use it
again (`out=`); large arrays profit from huge pages. Major faults read from a disk: the data do
not fit into memory, or come from a file that was not read yet.""",
    "preempted": """\
Threads were off the processor for over a tenth of the time without having given it up: another
process had it, the control group's quota was used up, or the host of a virtual machine took it.
That is no property of the kernel. Measure on an idle machine, or with fewer threads.""",
    "quota-ignored": """\
More threads worked than the control group's quota pays for. Once it is used up, all of them are
stopped until the period ends, usually 100 ms.""",
    "store-bound": """\
Most of the tiles' bytes are stores, and move at the rate that stores or copies were measured at
in that memory. A store to a line that is not in L1 fetches the line first and writes it back
later, so that it costs two to three times as much as a load. Writing in place, fusing passes,
and non-temporal stores for large results avoid that.""",
    "thread-imbalance": """\
Threads wait for the busiest one for over a fifth of their time. More parts than threads, drawn
from a shared counter, largest first, even that out.""",
    "thread-overhead": """\
Calls on several threads spend over a fifth of their time in no tile: starting and waking
threads, waiting for them, or work outside the tiles.""",
    "tiles-too-short": """\
The timer takes over a tenth of a level's time. It is taken out, but what a start/stop pair
costs depends on how much of it the processor overlaps with the work: the report shows the
interval that the time is in. Time several tiles as one, or one in many (`sample_every=`).""",
    "variable-latency": """\
Tiles that declare the same work take very different times: p99 is over three times p50, and
that is a tenth of the time or more. Either their data are in different places (put out of the
cache by other threads or by a tile that is too large), or the work depends on the data.""",
    "waiting": """\
Threads were off the processor for over a tenth of the time, and had given it up: sleep, input
and output, a lock, a queue, Python's GIL. Where threads together get no more than one
processor, they work one at a time.""",
}
"""By code, in sentences of at most 100 columns a line."""
