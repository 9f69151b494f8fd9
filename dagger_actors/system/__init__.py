"""The composition root: builds the store, the dispatchers and the paradigms, starts and stops them in order.

``declaration`` reads what is to run, ``options`` checks the numbers, ``foundation`` is what all paradigms stand on, and
``paradigms`` ties them to each other; ``actor_system`` puts it together and is what people use.
"""

from dagger_actors.system.actor_system import ActorSystem

__all__ = ["ActorSystem"]
