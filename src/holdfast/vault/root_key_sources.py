"""Where the root key comes from: a file (the default), a systemd credential, or an environment variable.

The file is created on the first start: written under another name, synced, linked to its own name (which fails if that
exists, so one of two racing starts wins and both use its key) and made durable by a sync of the directory, all before
anything is sealed under it.

Threat: a root key that other users can read or replace. The file is opened without following a symbolic link, and what
was opened (not the name) is checked: a regular file, ours or root's, no access for group and others.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from holdfast.vault.errors import RootKeyError
from holdfast.vault.randomness import Randomness
from holdfast.vault.root_key import RootKeys

ENVIRONMENT_VARIABLE = "HOLDFAST_ROOT_KEY"
"""Whoever loads the key from it removes it from `os.environ` then, so no child process and no dump inherits it."""
CREDENTIAL_NAME = "holdfast-root-key"
MAXIMUM_FILE_SIZE = 4096


def load_root_keys(environ: Mapping[str, str], path: Path, randomness: Randomness, *, create: bool) -> RootKeys:
    """The root keys of a server: from the environment variable, the systemd credential, or the file at `path`.

    `create` allows a new file: pass True only while the store holds nothing yet, since a new key opens no old store.
    Raises RootKeyError, also when both the variable and the credential are there.
    """
    variable = environ.get(ENVIRONMENT_VARIABLE)
    directory = environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(directory) / CREDENTIAL_NAME if directory else None
    has_credential = credential is not None and credential.exists()
    if variable is not None and has_credential:
        raise RootKeyError(
            f"{ENVIRONMENT_VARIABLE} and the systemd credential {CREDENTIAL_NAME} are both set; keep one"
        )
    if variable is not None:
        return from_environment(variable)
    if credential is not None and has_credential:
        return from_credential(credential)
    return from_file(path, randomness, create=create)


def from_environment(value: str) -> RootKeys:
    """Lines of the text format or bare base64 keys, separated by white space; the first is the current one."""
    return RootKeys.parse("\n".join(value.split()), source=ENVIRONMENT_VARIABLE, bare=True)


def from_credential(path: Path) -> RootKeys:
    """A file that systemd made for this service alone: its owner and mode are systemd's (an ACL shows as group)."""
    source = f"systemd credential {CREDENTIAL_NAME}"
    return RootKeys.parse(_read(path, source, private=False), source=source)


def from_file(path: Path, randomness: Randomness, *, create: bool = False) -> RootKeys:
    """The root key file; with `create`, made first if it is missing. Raises RootKeyError."""
    if create:
        _create(path, randomness)
    source = f"root key file {path}"
    return RootKeys.parse(_read(path, source, private=True), source=source)


def _create(path: Path, randomness: Randomness) -> None:
    """Make the file unless it exists; either way its directory entry is durable afterwards."""
    try:
        if not os.path.lexists(path):
            _write_new(path, RootKeys.generate(randomness).export_text().encode(), randomness)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise RootKeyError(f"cannot create the root key file {path}: {error.strerror}") from None


def _write_new(path: Path, content: bytes, randomness: Randomness) -> None:
    temporary = path.with_name(f".{path.name}.{randomness.bytes(8).hex()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)  # whatever the umask
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):  # another start was first: its key is the key
            os.link(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _read(path: Path, source: str, *, private: bool) -> str:
    try:
        # O_NONBLOCK: opening a named pipe must not hang the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            _check(os.fstat(descriptor), source, private=private)
            content = os.read(descriptor, MAXIMUM_FILE_SIZE + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise RootKeyError(f"{source} does not exist: put back the root key that belongs to this store") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise RootKeyError(f"{source} is a symbolic link: put the file itself there") from None
        raise RootKeyError(f"cannot read {source}: {error.strerror}") from None
    if len(content) > MAXIMUM_FILE_SIZE:
        raise RootKeyError(f"{source} is larger than {MAXIMUM_FILE_SIZE} bytes: not a root key file")
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        pass  # raised below, outside this block: the error holds the file's bytes and must not be anyone's context
    raise RootKeyError(f"{source} is not a root key file: it holds something else than ASCII text")


def _check(status: os.stat_result, source: str, *, private: bool) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise RootKeyError(f"{source} is not a regular file")
    if not private:
        return
    if status.st_uid not in (os.geteuid(), 0):
        raise RootKeyError(f"{source} belongs to another user (uid {status.st_uid}): chown it to this user")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise RootKeyError(
            f"{source} can be reached by group or others (mode {stat.S_IMODE(status.st_mode):04o}): chmod 600 it"
        )
