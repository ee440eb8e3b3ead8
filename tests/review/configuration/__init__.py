"""Tests of what a repository may configure."""
