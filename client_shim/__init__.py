"""Builds the C client with cffi and binds it for Python."""
