"""Where what stands in layers comes to stand across, once its order in each layer is known: near what it is joined to.

Sweeps down and up, as in the layouts of Sugiyama and of Gansner et al. ("A Technique for Drawing Directed Graphs", 1993); each
layer is placed at once, as near to its wishes as its order and its widths allow: isotonic regression, by pooling.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

__all__ = ["Joint", "columns_of"]

SWEEPS: Final = 12


class Joint(msgspec.Struct, frozen=True):
    """A line between two that stand in layers next to each other.

    Attributes:
        upper: The one in the layer before.
        lower: The one in the layer behind.
        weight: How straight it is to be.
    """

    upper: int
    lower: int
    weight: float


def columns_of(layers: Sequence[Sequence[int]], widths: Sequence[float], joints: Sequence[Joint]) -> list[float]:
    """Place everything across, without overlap and in order.

    Args:
        layers: What stands in each, from left to right; numbers from 0, each once.
        widths: Of each.
        joints: What is joined.

    Returns:
        The middle of each, the leftmost edge of all at 0.
    """
    above: list[list[tuple[int, float]]] = [[] for _ in widths]
    below: list[list[tuple[int, float]]] = [[] for _ in widths]
    for joint in joints:
        above[joint.lower].append((joint.upper, joint.weight))
        below[joint.upper].append((joint.lower, joint.weight))
    both = [[*up, *down] for up, down in zip(above, below, strict=True)]
    middles = [0.0] * len(widths)
    for layer in layers:
        _settle(layer, widths, [[] for _ in widths], middles)
    for sweep in range(SWEEPS):
        ways = both if sweep >= SWEEPS - 2 else below if sweep % 2 else above
        for layer in reversed(layers) if sweep % 2 else layers:
            _settle(layer, widths, ways, middles)
    left = min((middle - width / 2 for middle, width in zip(middles, widths, strict=True)), default=0.0)
    return [middle - left for middle in middles]


def _settle(
    layer: Sequence[int],
    widths: Sequence[float],
    ways: Sequence[Sequence[tuple[int, float]]],
    middles: list[float],
) -> None:
    """Place one layer as near to what its members wish as it goes: the least squares that keep order and distance."""
    offsets, offset = [], 0.0
    for place, one in enumerate(layer):
        offset += (widths[layer[place - 1]] + widths[one]) / 2 if place else 0.0
        offsets.append(offset)
    wishes = [_wish(ways[one], middles, middles[one]) for one in layer]
    found = _pooled([(wish - offset, weight) for (wish, weight), offset in zip(wishes, offsets, strict=True)])
    for one, offset, least in zip(layer, offsets, found, strict=True):
        middles[one] = least + offset


def _wish(ways: Sequence[tuple[int, float]], middles: Sequence[float], stays: float) -> tuple[float, float]:
    """The mean of those that one is joined to, and how much it weighs; who is joined to nobody stays, and gives way."""
    weight = sum(each for _, each in ways)
    return (sum(middles[other] * each for other, each in ways) / weight, weight) if weight else (stays, 0.01)


def _pooled(wishes: Sequence[tuple[float, float]]) -> Iterator[float]:
    """The nearest numbers that never fall: neighbours that would are given their common mean."""
    pools: list[tuple[float, float, int]] = []
    for wish, weight in wishes:
        pool: tuple[float, float, int] = wish, weight, 1
        while pools and pools[-1][0] > pool[0]:
            (before, weighs, members), (mean, total, count) = pools.pop(), pool
            pool = (before * weighs + mean * total) / (weighs + total), weighs + total, members + count
        pools.append(pool)
    return (mean for mean, _, count in pools for _ in range(count))
