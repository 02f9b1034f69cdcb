"""Benchmarks: brickprof's kernels, profiler and roofs against other libraries, interleaved.

Each module imports only from those above it:

    arguments              reads numbers from a command line
    ratios                 ratios of times, their means, the share of the peak
    rounds                 times calls in interleaved rounds
    blis                   calls BLIS
    environment            pins thread counts, names versions and what is missing
    backends               the libraries of one process
    kernels/base           how a kernel says what is measured of it
    kernels/gemm           what is measured of gemm
    kernels/attention      what is measured of attention
    kernels/plain          what is measured of a kernel that has no module here
    kernels/table          all kernels of the library's registry
    selection              the parts of a run and their names
    cases                  runs a family of any kernel
    errors                 errors against float64
    roofs                  measured roofs against likwid-bench
    profiler_cost          what the profiler costs and whether that is taken out
    thread_gain            what several threads gain
    tables                 the tables of the page
    charts                 the charts of the page
    page                   writes the page of a run's JSON
    runner                 one process of a run, at one thread count
    __main__               the command: a process for each thread count, then the page
    decoding_calls         the decoder's steps and prefills
    decoding_transformers  the same by transformers
    decoding_page          the page on decoding
    decoding               its command
    cachesim               planned traffic against a simulated cache
    traffic_roofs          loads, stores, copies and updates against likwid-bench
    timer_truth            reported times against the same work without tiles
    build_worker           times one build of brickprof, in a process of its own
    compare_builds         compares two builds
    comparisons            how often ``brickprof compare`` is right
    merging                how long merges of many recordings take, and in what memory
    numba_pair             a start/stop pair in Numba against one in C
    call_cost              what ``bp.auto_instrument()`` costs a call

The commands are ``python -m benchmarks``, and of ``benchmarks.``: ``page``, ``decoding``,
``cachesim``, ``traffic_roofs``, ``timer_truth``, ``compare_builds``,
``comparisons``, ``merging``, ``numba_pair`` and ``call_cost``.
"""
