"""A real mail server on loopback: TLS, STARTTLS, signing in, and faults that are switched on by hand."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

NOW = datetime(2026, 10, 14, 8, 0, tzinfo=UTC)
USER, PASSWORD = "rank", "correct-horse-7731"
PROJECT = """\
name: Acme
subscriptions:
  - name: morning
    to: [{to}]
    time: "07:00"
"""


@dataclass
class Server:
    """What a server is to do, and what it got. `replies` maps a recipient to the answers it gives one after another."""

    port: int = 0
    replies: dict[str, list[str]] = field(default_factory=dict)
    data_replies: list[str] = field(default_factory=list)
    drop: str = ""
    got: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    sign_ins: int = 0
    transactions: int = 0
    senders: list[str] = field(default_factory=list)

    async def handle_MAIL(
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        """Note the return path."""
        self.transactions += 1
        self.senders.append(address)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        """Answer as told; else welcome everybody."""
        if self.drop == "before":
            self.drop = ""
            server.transport.abort()
            await asyncio.sleep(0)
        waiting = self.replies.get(address)
        if waiting:
            return waiting.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Keep the message; break the connection instead of answering if told to."""
        if self.data_replies:
            return self.data_replies.pop(0)
        assert isinstance(envelope.content, bytes)
        read = message_from_bytes(envelope.content, policy=default)
        assert isinstance(read, EmailMessage)
        self.got.append((list(envelope.rcpt_tos), read))
        if self.drop == "after":
            server.transport.abort()
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        """Whether the name and the password are right."""
        self.sign_ins += 1
        right = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)


@contextmanager
def serving(security: str, folder: Path) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server, and the environment that points at it. With `none` nobody has to sign in."""
    handler, authority = Server(), trustme.CA()
    certificate, ca_file = authority.issue_cert("localhost"), folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    more: dict[str, Any] = {}
    if security == "tls":
        more = {"ssl_context": context}
    if security == "starttls":
        more = {"tls_context": context, "require_starttls": True}
    if security != "none":
        more |= {
            "authenticator": handler.authenticate,
            "auth_required": True,
            "auth_require_tls": security == "starttls",
        }
    controller = Controller(handler, hostname="localhost", port=_free_port(), **more)
    controller.start()
    handler.port = controller.port
    environment = {
        "HOST": "localhost",
        "PORT": str(controller.port),
        "SECURITY": security,
        "FROM": "Rank <rank@example.com>",
    }
    if security != "none":
        environment |= {"USERNAME": USER, "PASSWORD": PASSWORD, "CA_FILE": str(ca_file)}
    environment |= {"RETRY_WAIT_SECONDS": "0", "TIMEOUT_SECONDS": "10", "ENVELOPE_FROM": "bounces@example.com"}
    try:
        yield handler, {f"TALLYRANK_MAIL_{name}": value for name, value in environment.items()}
    finally:
        controller.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def project(data: Path, *to: str) -> Path:
    """A data folder with one subscription."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "project.yaml").write_text(PROJECT.format(to=", ".join(to or ("a@example.com",))), encoding="utf-8")
    return data
