"""Flags made from the declarations in `server/settings.py`: one declaration, one flag, one text of help."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from holdfast.server.settings import SECTIONS, SETTINGS, Setting

_TOGETHER = Group.create_default_parameters()
_GROUPS = {name: Group(name, sort_key=position) for position, name in enumerate(SECTIONS)}


def parameter(declared: Setting, group: Group = _TOGETHER) -> Parameter:
    """How cyclopts should show and name a setting's flag."""
    return Parameter(
        name=declared.flag,
        help=f"{declared.help} [default: {declared.default_text}]",
        group=group,
        metavar=declared.kind.metavar or None,
        show_choices=False,
    )


DataOption = Annotated[str | None, parameter(SETTINGS["data"])]
ConfigOption = Annotated[str | None, parameter(SETTINGS["config"])]
FormatOption = Annotated[
    Literal["text", "json"], Parameter(name="--format", help="Text for people, or one JSON object.")
]


def with_settings(
    names: Iterable[str], *, grouped: bool = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the flags of these settings. It is called with the texts of those that were typed.

    A switch (`--movable-clock`, `--no-movable-clock`) arrives as `true` or `false`, as its variable would have it.
    """
    declarations = [SETTINGS[name] for name in names]
    signature = inspect.Signature(
        [
            inspect.Parameter(
                declared.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[
                    (str if declared.kind.metavar else bool) | None,
                    parameter(declared, group=_GROUPS[declared.section] if grouped else _TOGETHER),
                ],
            )
            for declared in declarations
        ]
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def accept(**typed: Any) -> None:
            command({name: str(text).lower() if isinstance(text, bool) else text for name, text in typed.items()})

        accept.__name__, accept.__doc__ = command.__name__, command.__doc__
        accept.__dict__["__signature__"] = signature
        return accept

    return decorate
