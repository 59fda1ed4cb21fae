"""What the server gives to rotations: the built-in engines and what the operator decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.rotation.engine import Engine, EngineSettings


@dataclass(frozen=True, slots=True)
class RotationSurroundings:
    """One per server."""

    engines: Mapping[str, Engine] = field(default_factory=dict[str, Engine])
    """Built-in engines by the names of their functions."""
    absent: Mapping[str, str] = field(default_factory=dict[str, str])
    """Functions that users know from AWS and that are not built in, with what to do instead."""
    settings: EngineSettings = field(default_factory=EngineSettings)
    strict: bool = False
    """Whether a new value from somebody else is refused while a rotation is under way, instead of abandoning it."""
