"""GitHub, spoken to with care: nothing is written twice, no limit is ignored, every list is read to its end."""
