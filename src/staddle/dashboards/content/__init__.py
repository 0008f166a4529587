"""The dashboards themselves, a package per folder. A module's `BOARDS` are built."""
