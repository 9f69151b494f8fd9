"""``python -m dagger_actors``: the same as ``dagger-actors``."""

import sys

from dagger_actors.cli import main

sys.exit(main())
