"""The CA of a fleet and the certificates it issues."""
