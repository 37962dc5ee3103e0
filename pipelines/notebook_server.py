"""marimo with its doors closed: what a notebook shows may load scripts, styles and pictures from this machine alone.

marimo's picture of a plotly figure asks a public host for a script that it does not need; in a page that holds
somebody's data no stranger's script should run. Called as `python -m pipelines.notebook_server`, with the arguments
that marimo takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from marimo._cli.cli import main
from marimo._server.registry import MIDDLEWARE_REGISTRY  # what marimo fills from plugins; we are one, not installed
from starlette.middleware import Middleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'"
)


class OwnOnly:
    """Puts the policy on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, with the policy among the headers."""

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        await self.app(scope, receive, with_policy)


if __name__ == "__main__":
    MIDDLEWARE_REGISTRY.register("tallyrank", Middleware(OwnOnly))
    main(prog_name="marimo")
