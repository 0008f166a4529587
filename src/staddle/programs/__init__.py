"""Packaged programs without root: found and fetched by the machine's own apt, unpacked into a private directory."""
