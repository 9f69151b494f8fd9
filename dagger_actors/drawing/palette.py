"""The colours of states, in light and in dark; the word always stands beside them, for whoever does not see them."""

from __future__ import annotations

import msgspec

__all__ = ["DARK", "LIGHT", "Colour"]


class Colour(msgspec.Struct, frozen=True):
    """Of one box."""

    fill: str
    line: str
    text: str


LIGHT = {
    "pending": Colour("#f6f8fa", "#a3adba", "#4b5563"),
    "ready": Colour("#eef6ff", "#8bb8ee", "#1e4f8f"),
    "running": Colour("#dbeafe", "#2563eb", "#1e3a8a"),
    "waiting": Colour("#fef6d8", "#d19a06", "#6b4e02"),
    "succeeded": Colour("#e3f6e8", "#2f9e58", "#14532d"),
    "failed": Colour("#fde6e6", "#d92d2d", "#7f1d1d"),
    "skipped": Colour("#f6f8fa", "#8c97a6", "#566070"),
    "cancelled": Colour("#fdeede", "#d9772b", "#7c3a0a"),
    "timed_out": Colour("#fbe4f1", "#c0267e", "#771650"),
    "interrupted": Colour("#efe8fd", "#7c4fe0", "#45249b"),
    "blocked": Colour("#fef6d8", "#d19a06", "#6b4e02"),
    "paused": Colour("#efe8fd", "#7c4fe0", "#45249b"),
    "completed": Colour("#e3f6e8", "#2f9e58", "#14532d"),
    "accepted": Colour("#c8ecd3", "#1f7a41", "#0f4023"),
    "rejected": Colour("#fbe4f1", "#c0267e", "#771650"),
    "stuck": Colour("#fde6e6", "#9aa4b2", "#7f1d1d"),
}
DARK = {
    "pending": Colour("#1f2630", "#4d5868", "#b6c0cd"),
    "ready": Colour("#16263c", "#3f6fa8", "#b5d4fa"),
    "running": Colour("#17305c", "#5b93f5", "#d6e6ff"),
    "waiting": Colour("#3a2f0c", "#c2960f", "#f7e3a0"),
    "succeeded": Colour("#14321f", "#3fae69", "#c4efd2"),
    "failed": Colour("#431b1e", "#ef5f5f", "#ffd3d3"),
    "skipped": Colour("#1f2630", "#5c6778", "#97a3b3"),
    "cancelled": Colour("#3d2613", "#e08a45", "#fbdcc0"),
    "timed_out": Colour("#401a30", "#dc5ba4", "#fbcfe5"),
    "interrupted": Colour("#2b2150", "#9a78f0", "#ddd1ff"),
    "blocked": Colour("#3a2f0c", "#c2960f", "#f7e3a0"),
    "paused": Colour("#2b2150", "#9a78f0", "#ddd1ff"),
    "completed": Colour("#14321f", "#3fae69", "#c4efd2"),
    "accepted": Colour("#1b4a2c", "#52c97f", "#d6f7e1"),
    "rejected": Colour("#401a30", "#dc5ba4", "#fbcfe5"),
    "stuck": Colour("#431b1e", "#5c6778", "#ffd3d3"),
}
