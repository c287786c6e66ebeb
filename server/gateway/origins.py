"""Which web pages may call the gateway from a browser: those of the setting `allowed_origins`, and no other.

A browser states the page's origin in every such call. It withholds an answer from a page that was not allowed, but sends
the call all the same; a page that somebody happens to have open could commit and void lines that way. So a call of a
page that is not allowed is refused before anything is done. Callers that are no browser state no origin, and nothing
changes for them.
"""

from collections.abc import Callable, Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

ANY = "*"
"""In the setting: any page."""
CALL_HEADERS = ("Content-Type", "Precheck-Profile", "Precheck-Request-Id", "Precheck-Station")
"""What a page may send besides what browsers let every page send."""
PREFLIGHT_KEPT_S = 3_600
"""How long a browser may remember that it may ask; Chromium keeps it for two hours at most."""
NOT_FOR_PAGES = frozenset({"/metrics"})
"""Addresses that no page of another origin may read."""


class Origins:
    """An application that only allowed pages reach. `refuse` makes the answer to the others, of path and text."""

    def __init__(self, app: ASGIApp, allowed: Sequence[str], refuse: Callable[[str, str], Response]) -> None:
        self._app = app
        self._allowed = frozenset(allowed)
        self._refuse = refuse
        # A page in the internet asks for leave to call an address in the hospital too.
        self._sharing = CORSMiddleware(
            app,
            allow_origins=tuple(allowed),
            allow_methods=("GET", "POST"),
            allow_headers=CALL_HEADERS,
            allow_private_network=True,
            max_age=PREFLIGHT_KEPT_S,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, share its answer with the page, or refuse it."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        origin = headers.get("origin", "")
        if not origin or origin.partition("://")[2] == headers.get("host", "no host"):
            await self._app(scope, receive, send)
        elif (ANY in self._allowed or origin in self._allowed) and scope["path"] not in NOT_FOR_PAGES:
            await self._sharing(scope, receive, send)
        else:
            text = f"origin: pages of `{origin[:200]}` may not call (setting `allowed_origins`); nothing was done"
            await self._refuse(scope["path"], text)(scope, receive, send)
