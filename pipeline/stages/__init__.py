"""Stages: analyze, test, docs, summarize, comment. One room each, same shape; they meet only in checkpoints."""
