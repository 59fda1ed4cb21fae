"""Root keys: their text, and the places they come from. The files are real ones."""

from __future__ import annotations

import base64
import os
import pickle
import threading
from pathlib import Path

import pytest

from holdfast.vault.errors import RootKeyError
from holdfast.vault.randomness import SystemRandomness
from holdfast.vault.root_key import FORMAT, RootKey, RootKeys
from holdfast.vault.root_key_sources import CREDENTIAL_NAME, ENVIRONMENT_VARIABLE, from_file, load_root_keys

RANDOMNESS = SystemRandomness()


def written(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def key_text() -> bytes:
    return RootKeys.generate(RANDOMNESS).export_text().encode()


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def message(path: Path) -> str:
    with pytest.raises(RootKeyError) as caught:
        from_file(path, RANDOMNESS)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    return text


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_first_start_creates_a_private_file(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "root.key"
    before = os.umask(umask)
    try:
        keys = from_file(path, RANDOMNESS, create=True)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o7777 == 0o600
    assert path.read_text() == keys.export_text()
    assert names(tmp_path) == ["root.key"]
    assert keys.previous == ()


def test_later_starts_keep_the_key(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    first = from_file(path, RANDOMNESS, create=True)
    assert from_file(path, RANDOMNESS, create=True).ids == first.ids
    assert from_file(path, RANDOMNESS).ids == first.ids


def test_racing_starts_agree_on_one_key(tmp_path: Path) -> None:
    ids: list[tuple[str, ...]] = []

    def start() -> None:
        ids.append(from_file(tmp_path / "root.key", SystemRandomness(), create=True).ids)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
    assert names(tmp_path) == ["root.key"]


def test_file_and_directory_are_synced_before_the_key_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that seals something and is not on disk would lose the store with the next power cut."""
    steps: list[str] = []
    fsync, link = os.fsync, os.link

    def spy_fsync(descriptor: int) -> None:
        steps.append("sync directory" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "sync file")
        fsync(descriptor)

    def spy_link(source: Path, target: Path) -> None:
        steps.append("link")
        link(source, target)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "link", spy_link)
    from_file(tmp_path / "root.key", RANDOMNESS, create=True)
    assert steps == ["sync file", "link", "sync directory"]
    # The start that made the file may have died before its last step.
    from_file(tmp_path / "root.key", RANDOMNESS, create=True)
    assert steps[3:] == ["sync directory"]


def test_nothing_is_created_for_a_store_that_has_data(tmp_path: Path) -> None:
    assert "put back the root key" in message(tmp_path / "root.key")
    assert names(tmp_path) == []


def test_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(RootKeyError, match=r"cannot create the root key file .*: No such file or directory"):
        from_file(tmp_path / "missing" / "root.key", RANDOMNESS, create=True)


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o666])
def test_others_must_not_reach_the_file(tmp_path: Path, mode: int) -> None:
    assert f"(mode {mode:04o}): chmod 600 it" in message(written(tmp_path / "root.key", key_text(), mode))


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_the_owner_may_have_any_access(tmp_path: Path, mode: int) -> None:
    assert from_file(written(tmp_path / "root.key", key_text(), mode), RANDOMNESS)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_the_file_must_be_ours(tmp_path: Path) -> None:
    path = written(tmp_path / "root.key", key_text())
    os.chown(path, 12345, -1)
    assert "belongs to another user (uid 12345)" in message(path)


@pytest.mark.parametrize("dangling", [False, True])
@pytest.mark.parametrize("create", [False, True])
def test_a_symbolic_link_is_refused(tmp_path: Path, dangling: bool, create: bool) -> None:
    if not dangling:
        written(tmp_path / "elsewhere", key_text())
    (tmp_path / "root.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RootKeyError, match="is a symbolic link"):
        from_file(tmp_path / "root.key", RANDOMNESS, create=create)
    assert (tmp_path / "elsewhere").exists() != dangling


def test_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "root.key").mkdir()
    assert "is not a regular file" in message(tmp_path / "root.key")
    os.mkfifo(tmp_path / "pipe", 0o600)  # opening it must not wait for a writer
    assert "is not a regular file" in message(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (bytes(32), "line 1: not a root key"),
        (b"\xff" * 32, "something else than ASCII"),
        (b"x" * 4097, "larger than 4096 bytes"),
        (b"holdfast-root-key-v1:0123456789abcdef:" + base64.b64encode(bytes(16)), "not the base64 of 32 bytes"),
        (b"holdfast-root-key-v1:0123456789abcdef:" + base64.b64encode(bytes(32)), "does not match its key id"),
        (base64.b64encode(bytes(32)), "line 1: not a root key"),
    ],
)
def test_a_file_that_is_no_root_key(tmp_path: Path, content: bytes, reason: str) -> None:
    assert reason in message(written(tmp_path / "root.key", content))


def test_current_and_previous(tmp_path: Path) -> None:
    first, second = (RootKeys.generate(RANDOMNESS) for _ in range(2))
    path = written(tmp_path / "root.key", (first.export_text() + second.export_text()).encode())
    keys = from_file(path, RANDOMNESS)
    assert keys.ids == (first.current.id, second.current.id)
    assert keys.current.secret == first.current.secret
    assert RootKeys.parse(keys.export_text(), source="again").ids == keys.ids


def test_environment_variable_takes_text_or_bare_base64(tmp_path: Path) -> None:
    keys, other = RootKeys.generate(RANDOMNESS), RootKeys.generate(RANDOMNESS)
    bare = base64.b64encode(keys.current.secret).decode()
    for value in (bare, keys.export_text(), f"{bare} {other.export_text()}"):
        found = load_root_keys({ENVIRONMENT_VARIABLE: value}, tmp_path / "root.key", RANDOMNESS, create=True)
        assert found.ids[0] == keys.current.id
    assert found.ids[1:] == other.ids
    assert names(tmp_path) == []


@pytest.mark.parametrize("value", ["", " ", "secret", "A" * 44, base64.urlsafe_b64encode(b"\xff" * 32).decode()])
def test_environment_variable_that_is_no_key(tmp_path: Path, value: str) -> None:
    """It is an error, not a reason to look elsewhere; and the text does not repeat it."""
    with pytest.raises(RootKeyError) as caught:
        load_root_keys({ENVIRONMENT_VARIABLE: value}, tmp_path / "root.key", RANDOMNESS, create=True)
    assert ENVIRONMENT_VARIABLE in str(caught.value)
    assert not value.strip() or value not in str(caught.value)
    assert caught.value.__context__ is None


def test_systemd_credential(tmp_path: Path) -> None:
    keys = RootKeys.generate(RANDOMNESS)
    # systemd grants a service's user access by an ACL, which shows as access of the group.
    written(tmp_path / CREDENTIAL_NAME, keys.export_text().encode(), 0o440)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert load_root_keys(environ, tmp_path / "root.key", RANDOMNESS, create=True).ids == keys.ids
    environ[ENVIRONMENT_VARIABLE] = keys.export_text()
    with pytest.raises(RootKeyError, match="are both set; keep one"):
        load_root_keys(environ, tmp_path / "root.key", RANDOMNESS, create=True)


def test_credentials_of_other_names_leave_the_file(tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    keys = load_root_keys(environ, tmp_path / "root.key", RANDOMNESS, create=True)
    assert from_file(tmp_path / "root.key", RANDOMNESS).ids == keys.ids


def test_nothing_shows_the_key() -> None:
    keys = RootKeys(RootKey(RANDOMNESS.bytes(32)), (RootKey(RANDOMNESS.bytes(32)),), source="test")
    shown = f"{keys!r} {keys} {keys.current!r} {keys.current} {list(keys)}"
    for key in keys:
        assert key.id in shown
        for secret in (repr(key.secret), key.secret.hex(), base64.b64encode(key.secret).decode()):
            assert secret not in shown
    for thing in (keys, keys.current):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(thing)


def test_errors_do_not_repeat_the_text() -> None:
    secret = base64.b64encode(RANDOMNESS.bytes(32)).decode()
    for text in (secret, f"{FORMAT}:{secret}", f"{FORMAT}:{'0' * 16}:{secret}", f"{FORMAT}:{secret}:{secret}é"):
        with pytest.raises(RootKeyError) as caught:
            RootKeys.parse(text, source="test")
        assert secret not in str(caught.value)
        assert caught.value.__context__ is None


def test_a_root_key_has_32_bytes() -> None:
    for size in (0, 16, 31, 33):
        with pytest.raises(ValueError, match="32 bytes"):
            RootKey(bytes(size))
