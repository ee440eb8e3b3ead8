"""Tests of the simulated GitHub: what it enforces, how it fails, and that it looks like GitHub."""
