"""Tests of the App's processes."""
