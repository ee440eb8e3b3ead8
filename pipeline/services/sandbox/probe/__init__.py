"""Probe: the folder that is copied into a sandbox to attack it from inside; what is in it is never imported by us."""
