"""The trace page."""
