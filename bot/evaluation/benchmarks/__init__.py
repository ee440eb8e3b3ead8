"""Benchmarks of others: their pull requests in, our findings out in their form; judging stays theirs.

None of their data is here: whoever uses one gets it from its makers, under its licence (docs/evaluation.md).
"""
