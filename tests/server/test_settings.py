"""One declaration, four places: what wins, what is refused, and how the refusal names the place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import holdfast.server.settings
from holdfast.server.errors import BadSetting
from holdfast.server.settings import SECTIONS, SETTINGS, Settings
from holdfast.server.settings_sources import load, unknown_variables

DECLARED = list(SETTINGS.values())
OTHER_VALUES: dict[str, tuple[str, str, str]] = {
    "quotas": ("aws", "none", "aws"),
    "data": ("/a", "/b", "/c"),
    "config": ("/a.toml", "/b.toml", "/c.toml"),
    "root_key_file": ("/a", "/b", "/c"),
    "host": ("10.0.0.1", "::1", "localhost"),
    "tls_certificate": ("/a.pem", "/b.pem", "/c.pem"),
    "tls_key": ("/a.key", "/b.key", "/c.key"),
    "public_url": ("https://a.example", "https://b.example:8443", "http://c.example"),
    "account": ("111111111111", "222222222222", "333333333333"),
    "region": ("eu-central-1", "us-gov-west-1", "ap-southeast-2"),
    "allow_private_targets": ("true", "true", "true"),
    "outside_ca_file": ("/a.pem", "/b.pem", "/c.pem"),
    "sqs_endpoint": ("https://a.example", "https://b.example:8443", "http://c.example"),
    "sqs_access_key_id": ("a", "b", "c"),
    "smtp_relay": ("a.example:25", "[::1]:465", "10.0.0.1:587"),
    "smtp_security": ("tls", "none", "tls"),
    "smtp_sender": ("a@a.example", "b@b.example", "c+d@c.example"),
    "smtp_username": ("a", "b", "c"),
    "rotation_lock": ("strict", "strict", "strict"),
    "rotation_ca_bundle": ("/a.pem", "/b.pem", "/c.pem"),
    "movable_clock": ("true", "true", "true"),
    "function_ca_bundle": ("/a.pem", "/b.pem", "/c.pem"),
    "log_level": ("debug", "warning", "error"),
    "log_format": ("console", "console", "console"),
}
"""Values for flag, variable and file, none the default; numbers are made from the default."""


def texts(name: str) -> tuple[str, str, str]:
    if name in OTHER_VALUES:
        return OTHER_VALUES[name]
    default = SETTINGS[name].default
    number = int(default or 0)
    return str(number + 1), str(number + 2), str(number + 3)


def toml_literal(name: str, text: str) -> str:
    return text if SETTINGS[name].kind.toml != (str,) else f'"{text}"'


def given_everywhere(name: str, directory: Path) -> tuple[dict[str, str], dict[str, str], list[Any]]:
    """Flags, environment and the three values that result, with a config file that has the third."""
    flag, variable, file = texts(name)
    lines = [f"{name} = {toml_literal(name, file)}"]
    flags, environment = {name: flag}, {SETTINGS[name].variable: variable}
    for pair in ({"tls_certificate", "tls_key"},):
        if name in pair:  # one is refused without the other
            (other,) = pair - {name}
            lines.append(f'{other} = "/other"')
    config = directory / "given.toml"
    config.write_text("\n".join(lines))
    flags["config"] = str(config)
    parse = SETTINGS[name].kind.parse
    return flags, environment, [parse(flag), parse(variable), parse(file)]


@pytest.mark.parametrize("name", [d.name for d in DECLARED if d.in_file])
def test_flag_wins_over_variable_over_file_over_default(name: str, tmp_path: Path) -> None:
    flags, environment, (by_flag, by_variable, by_file) = given_everywhere(name, tmp_path)
    only_config = {"config": flags["config"]}
    assert getattr(load(flags, environment), name) == by_flag
    assert getattr(load(only_config, environment), name) == by_variable
    assert getattr(load(only_config, {}), name) == by_file
    default = SETTINGS[name].default
    expected = default.absolute() if isinstance(default, Path) else default
    assert getattr(load({"data": str(tmp_path)} if name != "data" else {}, {}), name) == expected


@pytest.mark.parametrize("declared", DECLARED, ids=lambda d: d.name)
def test_a_declaration_is_whole(declared: Any) -> None:
    assert declared.section in SECTIONS
    assert declared.help.endswith(".")
    assert declared.flag == "--" + declared.name.replace("_", "-")
    assert declared.variable == "HOLDFAST_" + declared.name.upper()
    if declared.default is None:
        assert declared.otherwise, "where the default is no value, say what happens then"
    else:
        assert declared.kind.parse(declared.kind.write(declared.default)) == declared.default


def test_the_settings_that_the_contract_names_are_there() -> None:
    assert {"data", "host", "port", "account", "movable_clock", "public_url"} <= set(SETTINGS)
    assert (SETTINGS["host"].default, SETTINGS["port"].default) == ("127.0.0.1", 4566)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("port", "65536"),
        ("port", "-1"),
        ("port", "٤٥٦٦"),
        ("port", "4566 "),
        ("host", "127.0.0.256"),
        ("host", "bad_name!"),
        ("account", "12345678901"),
        ("account", "1234567890123"),
        ("region", "US-EAST-1"),
        ("movable_clock", "maybe"),
        ("public_url", "ftp://host"),
        ("public_url", "https://host/path"),
        ("public_url", "https://user@host"),
        ("public_url", "https://host:port"),
        ("drain_seconds", "nan"),
        ("drain_seconds", "inf"),
        ("drain_seconds", "-1"),
        ("log_level", "INFO"),
        ("data", ""),
        ("data", "a\0b"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_place(name: str, bad: str) -> None:
    declared = SETTINGS[name]
    with pytest.raises(BadSetting, match=f"^{declared.flag} is .*: give {re.escape(declared.kind.expected)}"):
        load({name: bad}, {})
    if bad:
        with pytest.raises(BadSetting, match=f"^{declared.variable} is .*: give "):
            load({}, {declared.variable: bad})


def test_a_bad_address_is_not_repeated() -> None:
    with pytest.raises(BadSetting) as caught:
        load({"public_url": "https://admin:hunter2@host"}, {})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({}, {"HOLDFAST_PORT": "", "HOLDFAST_HOST": ""}).port == 4566


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("prot = 1", "prot is not a setting: did you mean port?"),
        ("[server]\nport = 1", "server is not a setting: remove it"),
        ('port = "4566"', "port is '4566': give a whole number"),
        ("port = true", "port is True: give a whole number"),
        ("host = 1", "host is 1: give an IP address"),
        ("movable_clock = 1", "movable_clock is 1: give true or false"),
        ("port = 70000", "port is '70000': give a whole number"),
        ('config = "x"', "config is not a setting"),
        ('data = "x"', "data cannot be set in the directory itself"),
        ("port 1", "is not TOML: .*line 1"),
    ],
)
def test_a_bad_file_is_refused_by_file_and_key(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "holdfast.toml"
    file.write_text(content)
    with pytest.raises(BadSetting, match=f"^{re.escape(str(file))}.*{message}") as caught:
        load({"data": str(tmp_path)}, {})
    assert "\n" not in str(caught.value)


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="there is no file"):
        load({"config": str(tmp_path / "absent.toml")}, {})


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holdfast.toml").write_bytes(b"port = 1 # \xff")
    with pytest.raises(BadSetting, match="is not TOML"):
        load({"data": str(tmp_path)}, {})


def test_relative_paths_start_where_they_were_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "prod.toml").write_text(
        'data = "../var"\ntls_certificate = "cert.pem"\ntls_key = "/abs/key.pem"'
    )
    monkeypatch.chdir(tmp_path)
    settings = load({"config": "etc/prod.toml", "root_key_file": "here.key"}, {})
    assert settings.data == tmp_path / "etc" / ".." / "var"
    assert settings.tls_certificate == tmp_path / "etc" / "cert.pem"
    assert settings.tls_key == Path("/abs/key.pem")
    assert settings.root_key_path == tmp_path / "here.key"
    assert settings.data.is_absolute()


def test_the_root_key_lies_in_the_data_directory_unless_told_otherwise(tmp_path: Path) -> None:
    assert load({"data": str(tmp_path)}, {}).root_key_path == tmp_path / "root.key"


@pytest.mark.parametrize("other", ["movable_clock", "quotas"])
def test_readers_and_what_one_process_keeps_exclude_each_other(tmp_path: Path, other: str) -> None:
    flags = {"data": str(tmp_path), other: {"movable_clock": "true", "quotas": "aws"}[other]}
    assert load(flags, {}).readers is None
    assert load({**flags, "readers": "0"}, {}).readers == 0
    assert load({**flags, "readers": "auto"}, {}).readers is None
    name = SETTINGS[other].flag
    with pytest.raises(BadSetting, match=f"--readers 2 and {name}"):
        load({**flags, "readers": "2"}, {})


def test_readers_in_a_file(tmp_path: Path) -> None:
    for text, value in (('"auto"', None), ("2", 2)):
        (tmp_path / "holdfast.toml").write_text(f"readers = {text}")
        assert load({"data": str(tmp_path)}, {}).readers == value


@pytest.mark.parametrize(("one", "missing"), [("tls_certificate", "--tls-key"), ("tls_key", "--tls-certificate")])
def test_half_of_tls_is_refused(one: str, missing: str) -> None:
    with pytest.raises(BadSetting, match=f"^{missing} is not set"):
        load({one: "/x"}, {})


@pytest.mark.parametrize(
    ("variable", "meant"),
    [("HOLDFAST_PROT", "HOLDFAST_PORT"), ("HOLDFAST_TLS_CERTIFICAT", "HOLDFAST_TLS_CERTIFICATE")],
)
def test_a_mistyped_variable_is_refused(variable: str, meant: str) -> None:
    with pytest.raises(BadSetting, match=f"^{variable} is not a setting: did you mean {meant}"):
        load({}, {variable: "1"})


def test_a_variable_that_is_no_setting_is_reported_and_the_root_key_is_not() -> None:
    environment = {
        "HOLDFAST_STRANGE_THING": "true",
        "HOLDFAST_ROOT_KEY": "x",
        "HOLDFAST_PORT": "1",
        "HOME": "/",
    }
    assert unknown_variables(environment) == ["HOLDFAST_STRANGE_THING"]
    assert load({}, environment).port == 1


def test_the_variable_that_kubernetes_sets_is_explained() -> None:
    with pytest.raises(BadSetting, match=r"HOLDFAST_PORT is 'tcp://10.0.0.1:4566'.*enableServiceLinks"):
        load({}, {"HOLDFAST_PORT": "tcp://10.0.0.1:4566"})


def test_fixed_values_win_over_all() -> None:
    settings = load({"port": "1"}, {"HOLDFAST_HOST": "10.0.0.1"}, host="127.0.0.1", dev=True)
    assert (settings.host, settings.port, settings.dev) == ("127.0.0.1", 1, True)


NUMBERS = [d for d in DECLARED if d.kind.toml == (int,)]


@given(declared=st.sampled_from(NUMBERS), value=st.integers(-10, 1 << 40))
def test_a_number_means_the_same_from_every_place(declared: Any, value: int) -> None:
    def outcome(flags: dict[str, str], environment: dict[str, str]) -> object:
        try:
            return getattr(load(flags, environment), declared.name)
        except BadSetting:
            return "refused"

    by_flag = outcome({declared.name: str(value)}, {})
    assert by_flag == outcome({}, {declared.variable: str(value)})
    assert by_flag in (value, "refused")


@given(st.text(max_size=20))
def test_no_text_breaks_the_reading_of_a_setting(text: str) -> None:
    for declared in DECLARED:
        try:
            value = declared.kind.parse(text)
        except ValueError:
            continue
        assert declared.kind.parse(declared.kind.write(value)) == value


def test_settings_do_not_change_once_read() -> None:
    settings = Settings()
    with pytest.raises(AttributeError):
        settings.port = 1  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_used_by_the_server(name: str) -> None:
    """Storing a setting without honouring it is pretending; `config` is honoured by `load` itself."""
    used = "root_key_path" if name == "root_key_file" else name
    source = Path(holdfast.server.settings.__file__).parent
    texts = [path.read_text() for path in source.glob("*.py") if path.name != "settings.py"]
    assert name == "config" or any(re.search(rf"\bsettings\.{used}\b", text) for text in texts)
