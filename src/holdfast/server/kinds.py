"""The kinds of value a setting can have, and how each is read from text.

A flag and an environment variable are text; a key of the TOML file has a type of its own, which must be the one
that the kind names (`port = 4566`, not `port = "4566"`). Both end in the same `parse`: a value
means the same everywhere.

INVARIANT: `parse` raises ValueError for anything that is not exactly one of the kind's values; it never guesses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """How one kind of value is written and read."""

    expected: str
    """Completes "give …" in an error: `a whole number from 0 to 65535`."""
    parse: Callable[[str], T]
    """Text to value; ValueError when the text is not one."""
    toml: tuple[type, ...] = (str,)
    """The exact types a TOML value may have."""
    metavar: str = "TEXT"
    """Stands for the value in help."""
    write: Callable[[T], str] = str
    """Value to the text that reads back as it."""
    shown: bool = True
    """Whether an error may repeat a bad value; not where people put passwords (addresses)."""


def _digits(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError
    return int(text)


def whole(least: int, most: int, metavar: str = "N") -> Kind[int]:
    """A whole number within bounds, both included."""

    def parse(text: str) -> int:
        value = _digits(text)
        if not least <= value <= most:
            raise ValueError
        return value

    return Kind(f"a whole number from {least} to {most}", parse, toml=(int,), metavar=metavar)


def whole_or_auto(least: int, most: int) -> Kind[int | None]:
    """A whole number within bounds, or `auto`: None."""

    def parse(text: str) -> int | None:
        return None if text == "auto" else number.parse(text)

    number = whole(least, most)
    return Kind(
        f"auto or {number.expected}",
        parse,
        toml=(int, str),
        metavar="auto|N",
        write=lambda value: "auto" if value is None else str(value),
    )


def seconds(least: float, most: float) -> Kind[float]:
    """A time in seconds, fractions allowed."""

    def parse(text: str) -> float:
        value = float(text)
        if not math.isfinite(value) or not least <= value <= most:
            raise ValueError
        return value

    expected = f"a number of seconds from {least:g} to {most:g}"
    return Kind(expected, parse, toml=(int, float), metavar="SECONDS", write=lambda value: f"{value:g}")


def choice(*values: str) -> Kind[str]:
    """One of a few words."""

    def parse(text: str) -> str:
        if text not in values:
            raise ValueError
        return text

    return Kind(f"one of {', '.join(values)}", parse, metavar="|".join(values))


def matching(pattern: str, expected: str, metavar: str) -> Kind[str]:
    """Text of a given form."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError
        return text

    return Kind(expected, parse, metavar=metavar)


def _switch(text: str) -> bool:
    value = WORDS.get(text.lower())
    if value is None:
        raise ValueError
    return value


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~nobody-of-that-name
        raise ValueError from None


def _host(text: str) -> str:
    import ipaddress  # only where a host is set by hand

    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    labels = text.removesuffix(".").split(".")
    # All digits and dots is a mistyped address, not a name (RFC 1123 §2.1).
    if len(text) > 253 or labels[-1].isdigit() or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    # A user, path or query would be lost or doubled in the addresses made from it.
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError
    if parts.path not in ("", "/") or "?" in text or "#" in text or re.search(r"[\s\x00-\x1f]", text):
        raise ValueError
    _ = parts.port  # ValueError when it is not one
    return f"{parts.scheme}://{parts.netloc}"


def _host_and_port(text: str) -> str:
    host, separator, port = text.rpartition(":")
    if not separator or not 1 <= _digits(port) <= 65535:
        raise ValueError
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in host and bare == host:  # an IPv6 address without brackets: where does the port begin?
        raise ValueError
    return f"[{_host(bare)}]:{port}" if ":" in bare else f"{_host(bare)}:{port}"


SWITCH: Kind[bool] = Kind("true or false", _switch, toml=(bool,), metavar="", write=lambda value: str(value).lower())
PATH: Kind[Path] = Kind("a path", _path, metavar="PATH")
HOST: Kind[str] = Kind("an IP address or a host name", _host, metavar="HOST")
URL: Kind[str] = Kind(
    "an address like https://secrets.example.org, without path or user", _url, metavar="URL", shown=False
)
HOST_AND_PORT: Kind[str] = Kind("a host and a port like mail.example.org:587", _host_and_port, metavar="HOST:PORT")
