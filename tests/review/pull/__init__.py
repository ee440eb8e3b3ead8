"""What stands on a pull request, and what is read there."""
