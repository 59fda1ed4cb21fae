"""Where an address leads, and whether this server may go there.

A name is resolved once and every address it has is looked at; a connection is made to one of exactly these. A second
answer of the DNS therefore leads nowhere that was not checked.

Threat: server-side request forgery. Whoever may name an address could make this server talk to hosts that only it can
reach. So only public addresses are reached; with `allow_private_targets` loopback and private ones too, and never
link-local ones, where clouds keep their instance metadata. What the operator named in the settings is reached as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from holdfast.services.outside import BadAnswer, Forbidden, Unreachable
from holdfast.work.threads import in_thread

if TYPE_CHECKING:
    import ssl
    from urllib.parse import SplitResult

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Reach(Enum):
    """How far a connection may go."""

    PUBLIC = "public"
    PRIVATE = "private"
    """Loopback and private networks too."""
    ANYWHERE = "anywhere"
    """For addresses out of the settings."""


def may_reach(address: Address, *, private: bool) -> bool:
    """Whether an address is for us to reach; `private`: loopback and private networks count too."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return may_reach(inner, private=private)
    if address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
        # Python counts ::1 as reserved.
        return private and address.is_loopback
    return address.is_global or private


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to: mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056)."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


class Place(NamedTuple):
    """Where a name leads; every address was looked at."""

    addresses: list[str]
    port: int

    async def connect(
        self, context: ssl.SSLContext | None, host: str | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first address that takes one."""
        for address in self.addresses[:-1]:
            with contextlib.suppress(ConnectionError):
                return await asyncio.open_connection(address, self.port, ssl=context, server_hostname=host)
        return await asyncio.open_connection(self.addresses[-1], self.port, ssl=context, server_hostname=host)


async def resolve(host: str, port: int, reach: Reach) -> Place:
    """Every address of a name. Raises Forbidden when one of them is out of reach, OSError when there is none."""
    try:
        # A thread of its own: a loop has a few for this, and names that nobody answers for would keep all others waiting.
        found = await in_thread(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except UnicodeError:  # a label that is too long (RFC 1035 §2.3.4)
        raise BadAnswer("not an address that can be fetched") from None
    addresses = [str(entry[4][0]) for entry in found]
    if reach is not Reach.ANYWHERE:
        for address in addresses:
            if not may_reach(ipaddress.ip_address(address.partition("%")[0]), private=reach is Reach.PRIVATE):
                raise Forbidden("its address is not a public one")
    if not addresses:
        raise Unreachable("its name has no address")
    return Place(addresses, port)


def web_address(url: str) -> SplitResult:
    """The parts of an address of the web. Raises BadAnswer for anything else."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise BadAnswer("not an address that can be fetched")
    return parts


def port_of(parts: SplitResult) -> int:
    """The port that an address of the web means."""
    return parts.port or (443 if parts.scheme == "https" else 80)
