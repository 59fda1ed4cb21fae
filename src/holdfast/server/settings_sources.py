"""Where settings come from: flags, the environment, a TOML file, defaults.

The first of flag, environment variable, file and default that gives a value wins. A relative path in the file starts at
the file's folder, any other at the working directory.

INVARIANT: what is not understood is refused, by the name of its place: an unknown key, a bad value, a variable that
looks like a mistyped one. A protection that was asked for and misspelled would otherwise be missing in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from holdfast.server.errors import BadSetting
from holdfast.server.settings import PREFIX, SETTINGS, Settings

FILE_NAME = "holdfast.toml"
SERVICE_LINK = " (Kubernetes sets this beside a service named holdfast; enableServiceLinks: false stops it)"
NOT_SETTINGS = frozenset(
    {"HOLDFAST_ROOT_KEY", "HOLDFAST_SQS_SECRET_ACCESS_KEY", "HOLDFAST_SMTP_PASSWORD", "HOLDFAST_COMPILED"}
)
"""Variables that mean something to the server and are no settings: secrets, which are the root key itself
(vault/root_key_sources.py) and what it shows to a queue service and to a mail relay (outside_settings.py), and whether
compiled modules are looked for (compiled.py)."""
_VARIABLES = {declared.variable: declared for declared in SETTINGS.values()}
_FILE_KEYS = {declared.name: declared for declared in SETTINGS.values() if declared.in_file}


def load(flags: Mapping[str, str], environment: Mapping[str, str], **fixed: Any) -> Settings:
    """The settings from every place. `flags` maps names of settings to the text given; `fixed` values win over all.

    Raises BadSetting.
    """
    given = dict(_from_environment(environment))
    given.update({name: SETTINGS[name].read(text, SETTINGS[name].flag) for name, text in flags.items()})
    given.update(fixed)
    named = given.get("config")
    data = SETTINGS["data"].default
    file = named or given.get("data", data) / FILE_NAME
    values: dict[str, Any] = {"data": data, **_from_file(file, named=named is not None), **given}
    for name, value in values.items():
        if isinstance(value, Path):
            values[name] = value.absolute()
    settings = Settings(**values)
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        missing = "--tls-key" if settings.tls_certificate else "--tls-certificate"
        raise BadSetting(f"{missing} is not set: TLS needs both a certificate and its key")
    if settings.readers and settings.one_process:
        raise BadSetting(
            f"--readers {settings.readers} and {settings.one_process} exclude each other: one process has to do everything "
            "then; leave one of them out"
        )
    return settings


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """HOLDFAST_ variables that are no settings and look like none: somebody else's, or a later version's."""
    return sorted(v for v in environment if v.startswith(PREFIX) and v not in _VARIABLES and v not in NOT_SETTINGS)


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for variable in unknown_variables(environment):
        if near := _near(variable.removeprefix(PREFIX).lower(), SETTINGS):
            raise BadSetting(f"{variable} is not a setting: did you mean {SETTINGS[near].variable}?")
    for variable, declared in _VARIABLES.items():
        if text := environment.get(variable):
            service_link = declared.name == "port" and text.startswith("tcp://")
            yield declared.name, declared.read(text, variable, SERVICE_LINK if service_link else "")


def _from_file(file: Path, *, named: bool) -> dict[str, Any]:
    """The file's values; none when it was not named and is not there."""
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if named:
            raise BadSetting(f"--config: there is no file {file}") from None
        return {}
    except OSError as error:
        raise BadSetting(f"{file} cannot be read: {error.strerror}") from None
    import tomllib  # only where there is a file: start-up is measured

    try:
        table = tomllib.loads(content.decode())
    except ValueError as error:  # both of TOMLDecodeError and UnicodeDecodeError
        raise BadSetting(f"{file} is not TOML: {error}") from None
    return {key: _file_value(file, key, value, named=named) for key, value in table.items()}


def _file_value(file: Path, key: str, value: object, *, named: bool) -> Any:
    place = f"{file}: {key}"
    declared = _FILE_KEYS.get(key)
    if declared is None:
        near = _near(key, _FILE_KEYS)
        raise BadSetting(f"{place} is not a setting" + (f": did you mean {near}?" if near else ": remove it"))
    if key == "data" and not named:
        raise BadSetting(f"{place} cannot be set in the directory itself: use --data, or name the file with --config")
    if type(value) not in declared.kind.toml:
        raise declared.refusal(repr(value), place)
    parsed = declared.read(str(value).lower() if isinstance(value, bool) else str(value), place)
    return file.parent / parsed if isinstance(parsed, Path) else parsed


def _near(name: str, names: Iterable[str]) -> str | None:
    import difflib  # only for something unknown

    found = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    return found[0] if found else None
