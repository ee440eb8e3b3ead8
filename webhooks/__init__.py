"""Door: verify, parse, decide, store. Answers fast, does no work, holds no token.

The road of a delivery: `headers` and `body` (what may be read at all), `signature` (who sent it), `encoding` (bytes to
JSON), `events` (JSON to a decision, a pure function), `inbox` (one durable write), 202. A delivery that was not stored
is answered 503, so that GitHub shows it as failed and a later look at GitHub's log finds it.
"""
