"""`python -m staddle`."""

from staddle.cli.main import main

main()
