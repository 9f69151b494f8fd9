"""The command line: ``dagger-actors``.

* ``app``: the commands by name; each loads its module only when it is called.
* ``options``, ``inputs``, ``exits``, ``command_line``: what commands share: options, exit codes, commands to copy.
* ``render``, ``text``, ``json_report``, ``progress``, ``log_lines``: what is printed, for people and for programs.
* ``staying``, ``asking``, ``leaving``, ``watch``: commands that stay with what they have begun.
"""

from dagger_actors.cli.app import main

__all__ = ["main"]
