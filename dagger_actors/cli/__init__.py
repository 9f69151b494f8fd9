"""The command line: ``dagger-actors``."""

from dagger_actors.cli.app import main

__all__ = ["main"]
