"""Door: verify, dedupe, parse, decide. Answers fast, does no work, holds no token. The App fills this room."""
