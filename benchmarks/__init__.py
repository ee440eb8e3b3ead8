"""Benchmarks: ratios against plain arq, a bare handler and a library engine, measured in one run."""
