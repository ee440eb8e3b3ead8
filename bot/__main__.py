"""`python -m bot` is `onceover`."""

from bot.cli import main

main()
