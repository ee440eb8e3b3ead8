"""Simulated GitHub: what GitHub remembers, enforces and gets wrong, over real HTTP on this machine.

Start at `server.SimulatedGitHub`. Promises the rules that a review bot can run into (one pending review, review lines
inside the diff, body limits, pages of 30, tokens that see only their repositories) and faults by script. Does not
promise GraphQL, the web pages or any endpoint that Onceover has no use for: those are 404.
"""
