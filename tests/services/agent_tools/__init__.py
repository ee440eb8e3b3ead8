"""Tests of the tools that a model may use, on real repositories."""
