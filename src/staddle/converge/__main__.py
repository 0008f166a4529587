"""`python3 -m staddle.converge`, and the zipapp's entry point."""

from __future__ import annotations

import sys

from .agent import main

sys.exit(main())
