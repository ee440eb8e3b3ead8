"""Shapes: what GitHub's JSON looks like, one module per area. They read the state and change nothing."""
