"""Routes: one module per area of GitHub's REST description, plus git and the pages of App registration."""
