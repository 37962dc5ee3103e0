"""One message to a mail server: retried while nothing can have been accepted, never afterwards.

The server takes a message over when it has read the line with the single dot and answered 250. Before that dot is sent
every fault may be tried again; if the connection breaks between dot and answer, nobody knows, and the outcome says so.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from dashboards.mail.message import bare
from dashboards.safe import shown
from pipelines.mail.settings import MailSettings

ACCEPTED, GO_ON = 250, 354


@dataclass(frozen=True)
class Outcome:
    """What became of a message, by address. `left` may be tried again: the server took nothing for them. `is_unknown`:
    the server may have it, for the addresses of `unknown`.
    """

    accepted: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


class Passing(Exception):
    """A fault that may pass; nothing was accepted."""


class Lasting(Exception):
    """A fault that a retry cannot mend."""


class Lost(Exception):
    """The connection broke when the message may have been accepted."""


@dataclass
class _Delivery:
    """A message on its way: who is still to get it."""

    message: bytes
    left: dict[str, str]
    accepted: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def outcome(self) -> Outcome:
        """How it stands."""
        return Outcome(tuple(self.accepted), dict(self.refused), dict(self.left), tuple(self.unknown))


def deliver(settings: MailSettings, message: EmailMessage, to: Sequence[str]) -> Outcome:
    """Hand a message over for each address, retrying passing faults; faults are told in the outcome, not raised."""
    on_its_way = _Delivery(_stuffed(message.as_bytes()), {bare(address): "" for address in to})
    tries = Retrying(
        stop=stop_after_attempt(settings.retries + 1),
        wait=wait_exponential(multiplier=settings.retry_wait_seconds, min=0, max=60),
        retry=retry_if_exception_type(Passing),
        reraise=True,
    )
    with suppress(Passing, Lasting, Lost):
        tries(_once, settings, on_its_way)
    return on_its_way.outcome()


def _once(settings: MailSettings, way: _Delivery) -> None:
    """One connection, one transaction with everybody who is left."""
    try:
        with _connection(settings) as smtp:
            _transaction(smtp, settings, way)
    except Lost:
        raise
    except (Passing, Lasting) as fault:
        way.left |= dict.fromkeys(way.left, str(fault))
        raise
    if way.left:
        raise Passing("not everybody's mail was accepted")


@contextmanager
def _connection(settings: MailSettings) -> Iterator[smtplib.SMTP]:
    """A connection, encrypted and signed in. Its faults are sorted into passing and lasting ones, without secrets."""
    smtp: smtplib.SMTP | None = None
    with _sorted_faults("connecting"):
        smtp = _opened(settings)
    try:
        with _sorted_faults("signing in"):
            smtp.ehlo_or_helo_if_needed()
            if settings.security == "starttls":
                smtp.starttls(context=_context(settings))
                smtp.ehlo()
            if settings.username:
                smtp.login(settings.username, settings.password.get_secret_value())
        yield smtp
    finally:
        with suppress(smtplib.SMTPException, OSError):
            smtp.quit()
        smtp.close()


def _opened(settings: MailSettings) -> smtplib.SMTP:
    host, port, timeout = settings.host, settings.at_port, settings.timeout_seconds
    if settings.security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=timeout, context=_context(settings))
    return smtplib.SMTP(host, port, timeout=timeout)


def _context(settings: MailSettings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.ca_file:
        context.load_verify_locations(settings.ca_file)
    return context


@contextmanager
def _sorted_faults(doing: str) -> Iterator[None]:
    """The library's faults as ours. Answers to signing in are left out: some servers repeat what they got."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        words = f"{doing}: the server refused user name and password ({error.smtp_code}); check TALLYRANK_MAIL_USERNAME"
        raise (Passing if 400 <= error.smtp_code < 500 else Lasting)(f"{words} and TALLYRANK_MAIL_PASSWORD") from None
    except smtplib.SMTPNotSupportedError:
        words = f"{doing}: the server offers no STARTTLS, or no way to sign in; try TALLYRANK_MAIL_SECURITY=tls"
        raise Lasting(words) from None
    except smtplib.SMTPResponseException as error:
        kind = Lasting if error.smtp_code >= 500 else Passing
        raise kind(f"{doing}: {_said(error.smtp_code, error.smtp_error)}") from None
    except ssl.SSLCertVerificationError as error:
        words = f"{doing}: the server's certificate is not trusted ({error.verify_message}); see TALLYRANK_MAIL_CA_FILE"
        raise Lasting(words) from None
    except FileNotFoundError:
        raise Lasting(f"{doing}: the file of TALLYRANK_MAIL_CA_FILE does not exist") from None
    except (smtplib.SMTPException, OSError) as error:
        raise Passing(f"{doing}: {type(error).__name__}: {shown(error, 160)}") from None


def _transaction(smtp: smtplib.SMTP, settings: MailSettings, way: _Delivery) -> None:
    """MAIL, RCPT for everybody who is left, DATA; whoever the server refuses for good is left no more."""
    with _sorted_faults("sending"):
        smtp.ehlo_or_helo_if_needed()
        _expect(smtp.mail(settings.return_path), ACCEPTED)
        welcome = [address for address in list(way.left) if _is_welcome(smtp, address, way)]
        if not welcome:
            smtp.rset()
            return
        _expect(smtp.docmd("DATA"), GO_ON)
        smtp.send(way.message)
    _close_data(smtp, way, welcome)


def _is_welcome(smtp: smtplib.SMTP, address: str, way: _Delivery) -> bool:
    code, words = smtp.rcpt(address)
    if 200 <= code < 300:  # 251 and 252 promise to pass it on
        return True
    if code >= 500:
        way.refused[address] = _said(code, words)
        del way.left[address]
    else:
        way.left[address] = _said(code, words)
    return False


def _close_data(smtp: smtplib.SMTP, way: _Delivery, welcome: Sequence[str]) -> None:
    """The dot, and the answer to it: from here on nothing is sent again unless the server says that it took nothing."""
    try:
        smtp.send(b".\r\n")
        code, words = smtp.getreply()
    except (smtplib.SMTPException, OSError):
        way.unknown += _taken(way, welcome)
        raise Lost from None
    if code == ACCEPTED:
        way.accepted += _taken(way, welcome)
    elif code >= 500:
        way.refused |= dict.fromkeys(_taken(way, welcome), _said(code, words))
    else:
        raise Passing(f"sending: {_said(code, words)}")


def _taken(way: _Delivery, welcome: Sequence[str]) -> list[str]:
    for address in welcome:
        del way.left[address]
    return list(welcome)


def _expect(reply: tuple[int, bytes], code: int) -> None:
    if reply[0] != code:
        raise smtplib.SMTPResponseException(*reply)


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {shown(text, 160)}"


def _stuffed(message: bytes) -> bytes:
    """The message as DATA wants it: lines end in CRLF, a leading dot is doubled (RFC 5321, 4.5.2)."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", message)
    whole = lines if lines.endswith(b"\r\n") else lines + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", whole)
