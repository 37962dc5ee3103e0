"""Web addresses given by people: which may be read, and where a connection to them may go.

An address that somebody typed, or that a redirect names, may lead into our own network: to this machine, to a router,
to the service that hands out a cloud machine's keys. So every host is resolved here, each address it resolves to must
be public, and the connection goes to the very address that was checked. Asking the name again when connecting would let
its owner answer differently the second time (DNS rebinding). Numbers written in decimal, octal or hex, and IPv4 inside
IPv6, end as addresses too and are judged as such.
"""

from __future__ import annotations

import re
import socket
import zlib
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import can_ada

MOST_BYTES = 16 * 1024 * 1024

# Addresses of Python's own table are refused by `is_global`; these are not in it, or not in that of every version.
REFUSED = tuple(
    ip_network(n)
    for n in (
        "168.63.129.16/32",  # metadata of Azure, a public number that answers only inside
        "192.0.0.0/24",  # protocol assignments; metadata of Oracle
        "192.88.99.0/24",  # old relays of 6to4
        "2001::/23",  # protocol assignments, Teredo among them
        "3fff::/20",  # documentation
    )
)
UNICAST = ip_network("2000::/3")
NAT64 = ip_network("64:ff9b::/96")


class NotPublic(ValueError):
    """A host leads to an address that is not public; the words say which."""


class TooLong(ValueError):
    """An answer is longer than anything we would read."""


def web_address(text: str) -> str:
    """An address as people write it (`example.org/feed`, `feed://…`) in the one spelling that is sent.

    Raises ValueError in words for what is no http(s) address, and for one with a name and password, which would be
    stored and shown.
    """
    text = re.sub(r"^feed:(?://(?!/))?(?=https?:)|^feed:(?=//)", "", text.strip(), flags=re.IGNORECASE)
    text = f"https:{text}" if text.startswith("//") else text
    if not re.match(r"[a-z][a-z0-9+.\-]*://", text, re.IGNORECASE):
        text = f"https://{text}"
    try:
        parsed = can_ada.parse(text)
    except (ValueError, TypeError):
        raise ValueError("this is not a web address") from None
    if parsed.protocol not in ("http:", "https:") or not parsed.hostname:
        raise ValueError("this is not a web address")
    if parsed.username or parsed.password:
        raise ValueError("an address that holds a name and a password is not read")
    return str(parsed.href).partition("#")[0]


def is_public(address: str) -> bool:
    """Whether a numeric address belongs to the public internet; for IPv4 inside IPv6 the inner one decides."""
    number = ip_address(address)
    inner = _inside(number) if isinstance(number, IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    if isinstance(number, IPv6Address) and number not in UNICAST:
        return False
    is_special = number.is_multicast or number.is_reserved or any(number in network for network in REFUSED)
    return number.is_global and not is_special


def _inside(number: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if number.ipv4_mapped or number.sixtofour:
        return number.ipv4_mapped or number.sixtofour
    return IPv4Address(int(number) & 0xFFFFFFFF) if number in NAT64 else None


def addresses(host: str, port: int) -> list[str]:
    """The addresses that a host resolves to, all of them public; raises NotPublic, or OSError where there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    numbers = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for number in numbers:
        if not is_public(number):
            raise NotPublic(f"{host} leads to {number}, which is no public address; only public ones are read")
    return numbers


def unpacked(chunks: Iterable[bytes], encoding: str, most: int = MOST_BYTES) -> Iterator[bytes]:
    """The body of an answer, unzipped where it says so; raises TooLong once it has more than `most` bytes, so that
    neither an endless page nor a small one that unpacks into a huge one fills the memory. zlib.error: it is broken.
    """
    unzip = zlib.decompressobj(wbits=47) if encoding in ("gzip", "x-gzip", "deflate") else None  # 47: either kind
    left = most
    for chunk in chunks:
        plain = unzip.decompress(chunk, left + 1) if unzip else chunk
        left -= len(plain)
        if left < 0:
            raise TooLong(f"the answer is longer than {most:,} bytes")
        yield plain
