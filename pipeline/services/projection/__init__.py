"""Projection: what GitHub shows of a run, brought to what the run says with the fewest writes, each at most once."""
