"""What the example scripts share: their threads, and errors in one line."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import brickprof as bp

from decoder.presets import PRESETS


def run_script(
    parser: argparse.ArgumentParser,
    run: Callable[[argparse.Namespace, bp.ConfiguredThreads], None],
) -> None:
    """Run a script on the threads that its options or the environment ask for.

    Parameters
    ----------
    parser : ArgumentParser
        Of the command line, with the options ``--preset`` and ``--threads``; without the second,
        variables and then the rule for the preset's hidden size decide.
    run : callable
        Takes the options and the thread pool; ValueError and OSError end the script in one line.
    """
    args = parser.parse_args()
    try:
        with bp.configure_optimal_thread_pool(
            work=PRESETS[args.preset].hidden, threads=args.threads
        ) as pool:
            run(args, pool)
    except (ValueError, OSError) as error:
        parser.error(str(error))
