"""The built-in engines, by the names of their functions, and those that are absent, with what to do instead."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.rotation.engine import Engine

ENGINES: Mapping[str, Engine] = {}
ABSENT: Mapping[str, str] = {}
