"""The GitHub App: its graphs, its clients, and the processes that hold its roles."""
