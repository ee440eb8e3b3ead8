"""Roof: what one starts. Settings, command line, assembly, local mode, demo; the only floor that builds real clients."""
