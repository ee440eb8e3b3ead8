"""Tests of the five stages."""
