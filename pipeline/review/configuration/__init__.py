"""Configuration: what a repository asks of its reviews, `.github/onceover.yml` of the base branch.

Pure: bytes come in, values go out. Whoever reads the file takes care that it is the base branch's, and a file.
"""
