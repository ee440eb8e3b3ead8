"""GitHub client: against a small real server that answers as the test says."""
