"""Protocols that rows come in with. Each turns its requests into JSON lines for the store."""
