"""Analyzers: deterministic tools over the changed files, in isolation.

A tool that reads a repository's configuration runs what that repository says: a linter's plug-in setting has
cost another review service its keys. So no tool here sees a repository. Each gets copies of the changed files
under names that we chose, in a directory that holds nothing else, with an environment made from nothing, and
is told to read no configuration. `toolbox` finds the tools, `runner` runs them, `workspace` makes the copies;
each tool has one module that says how to call it, what of its answer is worth telling and how bad it is.

Inline suppressions (`# noqa`, `# nosec`, `# shellcheck disable`, `# zizmor: ignore`) are honoured, since they
are normal practice and a person reads them in the diff; `suppressions` finds them so that the review can name
those that the change itself brings.
"""
