"""Roof: what one starts. Settings, command line, assembly, local mode, demo; only this floor builds real clients."""
