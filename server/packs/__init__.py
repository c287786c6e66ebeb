"""The packs of a server: published, made live, followed. docs/why/packs.md says how it works."""

from pathlib import Path

from server.packs.change import Ask
from server.packs.holder import PackHolder
from server.packs.lifecycle import Change
from server.packs.refusal import ActivationError

SHIPPED_PACKS = Path(__file__).resolve().parents[2] / "ruleset" / "packs"
DEFAULT_PACKS = ("nhsa",)


def default_paths() -> tuple[str, ...]:
    """Return the packs that ship with the product and are live where no setting names others."""
    return tuple(str(SHIPPED_PACKS / name) for name in DEFAULT_PACKS)


__all__ = ["ActivationError", "Ask", "Change", "PackHolder", "default_paths"]
