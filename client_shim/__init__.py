"""Builds the C client and binds it for Python.

`python -m client_shim.build` builds; `client_shim.client` binds, and needs what was built, so it is imported only when
one of its names is asked for.
"""

from typing import Any

__all__ = [
    "Answer",
    "Change",
    "Client",
    "ClientError",
    "Completeness",
    "Encoding",
    "FeedbackReceipt",
    "Format",
    "Review",
]


def __getattr__(name: str) -> Any:
    """Return a name of `client_shim.client`."""
    if name not in __all__:
        raise AttributeError(f"module `client_shim` has no attribute `{name}`")
    from client_shim import client  # noqa: PLC0415 - see above

    return getattr(client, name)
