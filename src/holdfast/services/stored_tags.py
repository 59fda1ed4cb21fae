"""Tags that stand as one JSON object in a row, and the condition keys that tags make; pure.

What a tag may be, and how many a resource may have, each service says in its own words.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from holdfast.access.decision import ContextValue

_decode = msgspec.json.Decoder(dict[str, str]).decode


def decode_tags(text: str) -> dict[str, str]:
    """Tags from their stored text, which is empty for none."""
    return _decode(text) if text else {}


def encode_tags(tags: Mapping[str, str]) -> str:
    return msgspec.json.encode(tags).decode() if tags else ""


def request_context(tags: Mapping[str, str]) -> dict[str, ContextValue]:
    """The condition keys that the tags of a request give."""
    context: dict[str, ContextValue] = {f"aws:RequestTag/{key}": tag for key, tag in tags.items()}
    if tags:
        context["aws:TagKeys"] = list(tags)
    return context


def resource_context(text: str, own: str = "") -> dict[str, ContextValue]:
    """The condition keys that a resource's tags give, from their stored text. For `own` see `resource_keys`."""
    return resource_keys(decode_tags(text), own)


def resource_keys(tags: Mapping[str, str], own: str = "") -> dict[str, ContextValue]:
    """The condition keys that a resource's tags give; `own` begins the key that a service has beside the global one."""
    context: dict[str, ContextValue] = {f"aws:ResourceTag/{key}": tag for key, tag in tags.items()}
    if own:
        context.update({f"{own}{key}": tag for key, tag in tags.items()})
    return context
