"""The command line, called from a file without functions to explain: the file that calls it counts as no user's."""

from chainrule.cli import main

__all__ = ["run"]


def run(*argv: str) -> int:
    return main(argv)
