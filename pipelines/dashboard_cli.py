"""`tallyrank dashboard`: where the web app is served, and whether a password is asked for.

One rule: over http the app is for this computer alone and needs no password; everything else is https with a password.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

import typer

from connectors.errors import TallyrankError
from dashboards.web.locks import Lock
from dashboards.web.password import SHORTEST, VARIABLE, kept_hash, session_key, set_password, why_unfit
from dashboards.web.server import Place, serve
from pipelines.console import err, out
from pipelines.labels import Ledger


@dataclass(frozen=True)
class Wish:
    """What the options of the command say."""

    host: str
    port: int
    certificate: Path | None
    key: Path | None
    is_behind_proxy: bool


def serve_dashboard(folder: Path, wish: Wish) -> None:
    """Serve the web app over a data folder until Ctrl-C. Raises TallyrankError where it would stand open."""
    place = _place(wish)
    lock = _lock(folder / "web", wish)
    warehouse = folder / "warehouse.duckdb"
    if not warehouse.exists():
        err.print(
            f"{warehouse} does not exist yet; until `tallyrank analyze` has made it, the pages say so", markup=False
        )
    serve(warehouse, place, lock, _tell, Ledger(folder))


def _tell(address: str) -> None:
    out.print(f"served on {address} (Ctrl-C ends it)", markup=False)


def ask_password(folder: Path) -> None:
    """Ask for a new password, twice and unseen, and keep its hash."""
    typer.echo(f"A password for the web app, at least {SHORTEST} characters. Whoever is signed in has to do it again.")
    password = str(typer.prompt("Password", hide_input=True))
    if words := why_unfit(password):
        raise TallyrankError(words)
    if typer.prompt("The same again", hide_input=True) != password:
        raise TallyrankError("the two were not the same; nothing was changed")
    set_password(folder / "web", password)
    out.print(f"The password is set; its hash is in {folder / 'web' / 'password'}.", markup=False)


def _place(wish: Wish) -> Place:
    if (wish.certificate is None) != (wish.key is None):
        raise typer.BadParameter("--certificate and --key belong together")
    if wish.certificate and wish.is_behind_proxy:
        raise typer.BadParameter("give either --certificate and --key, or --behind-proxy where a proxy does https")
    host = "127.0.0.1" if wish.host == "localhost" else wish.host.strip("[]")
    try:
        is_private = ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise typer.BadParameter(f"--host {wish.host} is no address; give one of this computer, or 0.0.0.0") from None
    if not is_private and not (wish.certificate or wish.is_behind_proxy):
        raise TallyrankError(
            f"on {host} others can reach the app, and passwords are safe over https only: give --certificate FILE and "
            "--key FILE, or --behind-proxy where a proxy in front does https"
        )
    return Place(host, wish.port, wish.certificate, wish.key)


def _lock(folder: Path, wish: Wish) -> Lock | None:
    """The lock that the place needs: none on loopback over http."""
    if not (wish.certificate or wish.is_behind_proxy):
        return None
    if kept_hash(folder) is None:
        raise TallyrankError(
            "no password is set, and others could reach the app: run `tallyrank dashboard --set-password` first, or "
            f"put an argon2id hash into {VARIABLE}"
        )
    session_key(folder)  # made before there are workers
    return Lock(folder, wish.is_behind_proxy)
