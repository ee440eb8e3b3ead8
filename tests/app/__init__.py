"""The App, end to end: a simulated GitHub at one end, its pages at the other."""
