"""Opening a data directory: lock, root key, schema, first start.

The order matters. The lock first, so that nothing below races with another process. The root key before the first row,
since everything is sealed under it; a new key is made only for a store that holds nothing yet. The verifier in the store
then tells a wrong key from a right one before any client is answered.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from holdfast.server.errors import DirectoryInUse, DirectoryUnusable, WrongRootKey
from holdfast.server.settings import SETTINGS, Settings
from holdfast.services.holdfast import records, rules
from holdfast.services.holdfast.operations import create_account_rows
from holdfast.store.group_commit import GroupCommit
from holdfast.store.lock import DirectoryLock, DirectoryLocked
from holdfast.store.migrate import migrate
from holdfast.store.sqlite import SqliteDatabase, Synchronous, is_store_failure
from holdfast.store.transaction import StoreError, Transaction
from holdfast.vault.errors import RootKeyError
from holdfast.vault.randomness import SystemRandomness
from holdfast.vault.root_key import RootKeys
from holdfast.vault.root_key_sources import ENVIRONMENT_VARIABLE, load_root_keys
from holdfast.vault.vault import Vault
from holdfast.work.clock import SystemClock
from holdfast.work.due import RELEASE_ALL

DATABASE = "holdfast.db"
ROOT_VERIFIER = "root_verifier"
HOME_ACCOUNT = "home_account"
HOME_REGION = "home_region"
CLOCK_OFFSET = "clock_offset"
CLOCK_MOVABLE = "clock_movable"
DEV_ACCOUNT = "000000000000"
DEV_CREDENTIAL = ("test", "test")


@dataclass(slots=True)
class Opened:
    """A store that is ready for a server."""

    lock: DirectoryLock
    executor: GroupCommit
    vault: Vault
    root_keys: RootKeys
    clock: SystemClock
    randomness: SystemRandomness
    home_account: str
    home_region: str
    access_key_id: str
    first_start: bool
    clock_was_movable: bool
    """Whether the last server on it had a movable clock."""


def open_directory(settings: Settings, *, synchronous: Synchronous = "FULL") -> Opened:
    """Open DIR, making it on the first start. Raises a `StartError`; nothing stays locked then."""
    directory = settings.data
    _make(directory)
    try:
        lock = DirectoryLock(directory)
    except DirectoryLocked as error:
        raise DirectoryInUse(f"{error}: stop that server first, or name another directory with --data") from None
    except OSError as error:
        raise _unusable(directory, error) from None
    try:
        return _open_locked(settings, lock, synchronous)
    except BaseException:
        lock.release()
        raise


def remember_clock(opened: Opened, *, movable: bool) -> None:
    """Keep whether this server's clock can be moved, for commands while none runs."""
    if movable != opened.clock_was_movable:

        def unit(tx: Transaction) -> None:
            tx.run(records.WRITE_METADATA, CLOCK_MOVABLE, b"1" if movable else b"")

        opened.executor.immediately(unit)
        opened.clock_was_movable = movable


def _make(directory: Path) -> None:
    if not _is_text(directory):
        raise DirectoryUnusable("the name of the data directory is not UTF-8: name another with --data")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = directory.stat().st_mode
    except OSError as error:
        raise _unusable(directory, error) from None
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise DirectoryUnusable(f"{directory} can be written by other users: chmod 700 {directory}")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise DirectoryUnusable(
            f"{directory} cannot be written: give this user the directory, or name another with --data"
        )


def _is_text(path: Path) -> bool:
    """Whether every part of a path is UTF-8, as SQLite names its files (https://www.sqlite.org/c3ref/open.html)."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        return False
    return True


def _unusable(directory: Path, error: OSError) -> DirectoryUnusable:
    return DirectoryUnusable(
        f"{directory} cannot be used as data directory: {error.strerror}; name another with --data"
    )


def _open_locked(settings: Settings, lock: DirectoryLock, synchronous: Synchronous) -> Opened:
    randomness = SystemRandomness()
    path = settings.data / DATABASE
    fresh = not path.exists()
    try:
        # A new file must not be readable by others for even a moment.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        database = SqliteDatabase(path, synchronous=synchronous)
    except (OSError, StoreError) as error:
        raise DirectoryUnusable(f"{path} cannot be opened: {error}") from None
    clock = SystemClock()
    executor = GroupCommit(database, clock.monotonic)
    opened: list[Opened] = []

    def unit(tx: Transaction) -> None:
        migrate(tx, database.execute)
        tx.run(RELEASE_ALL)
        opened.append(_first_start(settings, tx, lock, executor, clock, randomness, fresh=fresh))

    try:
        executor.immediately(unit)
    except BaseException as error:
        database.close()
        # A full disk, or one that fails, is the operator's to mend: no traceback helps with that.
        if isinstance(error, StoreError) or is_store_failure(error):
            raise DirectoryUnusable(f"{path}: {error}") from None
        raise
    return opened[0]


def _first_start(
    settings: Settings,
    tx: Transaction,
    lock: DirectoryLock,
    executor: GroupCommit,
    clock: SystemClock,
    randomness: SystemRandomness,
    *,
    fresh: bool,
) -> Opened:
    verifier = records.read_metadata(tx, ROOT_VERIFIER)
    try:
        keys = load_root_keys(os.environ, settings.root_key_path, randomness, create=verifier is None)
        vault = Vault(keys, randomness)
        if verifier is not None:
            vault.check_verifier(verifier)
    except RootKeyError as error:
        raise WrongRootKey(str(error)) from None
    finally:
        # No child process and no dump inherits it.
        os.environ.pop(ENVIRONMENT_VARIABLE, None)
    if verifier is None:
        tx.run(records.WRITE_METADATA, ROOT_VERIFIER, vault.make_verifier())
        account = settings.account or (DEV_ACCOUNT if settings.dev else rules.new_account_id(randomness))
        tx.run(records.WRITE_METADATA, HOME_ACCOUNT, account.encode())
        credential = DEV_CREDENTIAL if settings.dev else None
        create_account_rows(tx, vault, randomness, clock.service(), account, credential)
    stored = records.read_text(tx, HOME_REGION)
    # A region that was named wins; one that was not stays what this store had.
    region = stored if stored and settings.region == SETTINGS["region"].default else settings.region
    if region != stored:
        tx.run(records.WRITE_METADATA, HOME_REGION, region.encode())
    account = records.read_text(tx, HOME_ACCOUNT)
    if settings.account and settings.account != account:
        raise DirectoryUnusable(
            f"{settings.data} belongs to account {account}, not {settings.account}: leave --account out, "
            "or name another directory with --data"
        )
    clock.offset = int(records.read_text(tx, CLOCK_OFFSET, "0"))
    row = tx.one(records.ROOT_ACCESS_KEY, account)
    return Opened(
        lock=lock,
        executor=executor,
        vault=vault,
        root_keys=keys,
        clock=clock,
        randomness=randomness,
        home_account=account,
        home_region=region,
        access_key_id=row[0] if row else "",
        first_start=fresh or verifier is None,
        clock_was_movable=bool(records.read_text(tx, CLOCK_MOVABLE, "")),
    )
