"""`python -m notify` on a host, `python -m staddle.notify` elsewhere."""

import sys

from .bridge import main

sys.exit(main())
