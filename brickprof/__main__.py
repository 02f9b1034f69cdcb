"""``python -m brickprof``: the command line."""

import sys

from brickprof.cli import main

sys.exit(main())
