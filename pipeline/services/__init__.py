"""Services: git, the model, the analysers. One thin client each, one error family, one fake."""
