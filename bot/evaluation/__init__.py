"""Evaluation: how good the review is, measured on pull requests whose defects are known."""
