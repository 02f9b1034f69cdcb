"""Times tiles: a recorder for each thread, BrickProfiler, and what a start/stop pair costs."""
