"""`/select/logsql/*`."""
