"""Tests: they read as a specification; `README.md` beside this file says how they are laid out."""
