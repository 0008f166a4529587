"""What an offline bundle brings along to unpack itself: Python 3.9 or newer, nothing but its standard library.

The command line uses the same modules, so that a bundle is judged in one way wherever it is.
"""
