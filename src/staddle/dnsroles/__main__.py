"""`python -m staddle.dnsroles SETTINGS`."""

import sys

from staddle.dnsroles.main import main

sys.exit(main(sys.argv[1:]))
