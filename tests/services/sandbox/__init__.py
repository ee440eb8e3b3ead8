"""The sandbox, attacked by the numbered cases of docs/sandbox.md."""
