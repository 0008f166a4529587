"""The log search page: static files that the log server gives below `/select/vmui/`."""
