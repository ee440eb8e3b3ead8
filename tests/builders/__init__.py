"""Builders: the world of a test, showing only what matters to it."""
