"""The engine's tests: units, and proofs that try to break the invariants L1, C1, S1, R1, A1 and W1."""
