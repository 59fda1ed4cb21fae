"""Which authorities vouch for other hosts."""

from __future__ import annotations

import ssl
from pathlib import Path


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """The system's authorities, and those of a file. Raises OSError (ssl.SSLError is one) when the file is not usable."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
