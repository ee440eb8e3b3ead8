"""Agent tools: what a model may look up in a repository while it reviews a change, and nothing else.

Promises that every tool reads git objects of one commit, writes nothing, speaks to nobody, runs nothing of the
repository, and answers anything it is asked with a bounded text. `toolbox` is the way in.
"""
