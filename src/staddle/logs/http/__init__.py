"""A small HTTP/1.1 server on threads and plain sockets: bodies are read straight into the caller's buffer."""
