"""Review: what a diff says and how it is told. Pure values and functions, no I/O."""
