"""Where mail is sent from: a server, how it is spoken to, and who we are there. From the environment only."""

from __future__ import annotations

import ipaddress
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from connectors.errors import TallyrankError
from dashboards.mail.links import DEFAULT, VARIABLE
from dashboards.mail.message import address

PREFIX = "TALLYRANK_MAIL_"
WEB_APP = "Address of the web app, which the numbers of a mail lead to."
PORTS = {"starttls": 587, "tls": 465, "none": 25}


def _address(given: str) -> str:
    try:
        return address(given)
    except TallyrankError as error:
        raise ValueError(str(error)) from None


Address = Annotated[str, AfterValidator(_address)]


class MailSettings(BaseSettings):
    """Settings of the mail server, TALLYRANK_MAIL_<NAME>; `none` as security is for servers on this machine only."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    host: str = Field(min_length=1, description="Name of the mail server (submission).")
    port: int | None = Field(None, ge=1, le=65535, description="Port; 587 with starttls, 465 with tls, 25 with none.")
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="How the connection is encrypted.")
    username: str = Field("", description="User name; empty where the server asks for none.")
    password: SecretStr = Field(SecretStr(""), description="Password, or a token in its place.")
    from_: Address = Field(
        alias="TALLYRANK_MAIL_FROM", description="Sender, for example Tallyrank <tallyrank@example.com>."
    )
    envelope_from: Address | None = Field(None, description="Where bounces go; the sender where left out.")
    ca_file: Path | None = Field(None, description="Certificates to trust beside the system's, PEM.")
    timeout_seconds: float = Field(30.0, gt=0, description="Give the server up after this long without an answer.")
    retries: int = Field(3, ge=0, le=10, description="Tries after the first for passing faults.")
    retry_wait_seconds: float = Field(2.0, ge=0, description="First wait between tries; doubles each time.")
    bounces: Path | None = Field(None, description="A maildir or a folder of .eml files in which bounces arrive.")

    @model_validator(mode="after")
    def _is_safe(self) -> MailSettings:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError(
                "security none sends mail and password readable for everybody on the way; it is for servers on this "
                "machine (127.0.0.1, localhost) only: use starttls or tls"
            )
        if bool(self.username) != bool(self.password.get_secret_value()):
            raise ValueError("username and password are set together, or neither")
        return self

    @property
    def at_port(self) -> int:
        """The port in force."""
        return self.port or PORTS[self.security]

    @property
    def return_path(self) -> str:
        """The bare address that bounces go to."""
        return parseaddr(self.envelope_from or self.from_)[1]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


def mail_settings() -> MailSettings:
    """The settings of this process; TallyrankError that says what to set, never what is set."""
    try:
        return MailSettings()  # type: ignore[call-arg]
    except ValidationError as error:
        raise TallyrankError("; ".join(_words(e["loc"], e["type"], e["msg"]) for e in error.errors())) from None


def described() -> list[str]:
    """Every setting with its meaning, as lines of `.env.example`."""
    lines = [
        "",
        "# --- The daily mail, to the subscriptions of project.yaml. HOST and FROM are needed, others by your server.",
    ]
    for name, field in MailSettings.model_fields.items():
        default = "" if field.is_required() or isinstance(field.default, SecretStr | None) else field.default
        lines += [f"# {field.description}", f"# {PREFIX}{name.rstrip('_').upper()}={default}"]
    return [*lines, f"# {WEB_APP}", f"# {VARIABLE}={DEFAULT}"]


class _Unsent(BaseSettings):
    """What is needed of the settings where nothing is sent."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore")
    bounces: Path | None = None
    from_: Address = Field("Tallyrank <tallyrank@localhost.invalid>", alias="TALLYRANK_MAIL_FROM")


def bounces_folder() -> Path | None:
    """The folder of bounces, for those who send nothing."""
    return _unsent().bounces


def sender() -> str:
    """The sender, or a made-up one where none is set, for mails that are written to a file."""
    return _unsent().from_


def _unsent() -> _Unsent:
    try:
        return _Unsent()  # type: ignore[call-arg]
    except ValidationError as error:
        raise TallyrankError("; ".join(_words(e["loc"], e["type"], e["msg"]) for e in error.errors())) from None


def _words(where: tuple[int | str, ...], kind: str, message: str) -> str:
    name = str(where[0]).upper().removeprefix(PREFIX) if where else ""
    variable = f"{PREFIX}{name}" if name else "mail"
    if kind == "missing":
        return f"{variable} is not set: mail needs {PREFIX}HOST and {PREFIX}FROM (and a user name and password, mostly)"
    return f"{variable}: {message.removeprefix('Value error, ')}"
