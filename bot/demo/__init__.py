"""Demo: everything that stands in for the outside world when there is none: no account, no network."""
