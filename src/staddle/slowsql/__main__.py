"""`python -m staddle.slowsql`."""

import sys

from staddle.slowsql.main import main

sys.exit(main())
