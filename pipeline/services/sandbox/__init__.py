"""Sandbox: runs a repository's test command where it can reach nothing and take no more than its limits."""
