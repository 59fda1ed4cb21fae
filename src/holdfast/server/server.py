"""The process around the house: sockets, signals, a graceful stop.

run(settings, on_ready)
  open the directory -> build the house -> listen (TCP, control socket) -> on_ready -> SIGTERM/SIGINT
  -> stop accepting -> finish what was accepted -> write what reads left -> close the store
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from holdfast.rotation.engine import Engine, EngineSettings
from holdfast.rotation.engines import ABSENT, ENGINES
from holdfast.rotation.surroundings import RotationSurroundings
from holdfast.server import collector
from holdfast.server.audit_heads import FILE_NAME, HeadsFile
from holdfast.server.cores import usable_cores
from holdfast.server.deliveries import HOUR
from holdfast.server.errors import BadSetting, DirectoryUnusable, PortInUse
from holdfast.server.functions import FunctionSettings
from holdfast.server.house import House
from holdfast.server.http_limits import Limits
from holdfast.server.listener import Listener, server_tls_context
from holdfast.server.logs import Log
from holdfast.server.opening import Opened, open_directory, remember_clock
from holdfast.server.outside_settings import outside_settings
from holdfast.server.quotas import parameters_per_region
from holdfast.services.holdfast import records
from holdfast.store.sqlite import Synchronous
from holdfast.store.transaction import Transaction
from holdfast.vault.registry import ACCESS_KEY_SECRET

if TYPE_CHECKING:
    from holdfast.server.readers import Readers
    from holdfast.server.settings import Settings

__all__ = ["Ready", "build", "read_environment", "run"]

CONTROL_SOCKET = "control.sock"
MOST_READERS = 3
"""Of `--readers auto`: the main process writes down what all of them read."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What a person needs to know when the server answers."""

    endpoint: str
    data_directory: Path
    account: str
    access_key_id: str
    first_start: bool


def build(settings: Settings, opened: Opened, log: Log, engines: Mapping[str, Engine] = ENGINES) -> House:
    """The house on an opened store; `engines` are the built-in rotations by the names of their functions."""
    house = House(
        executor=opened.executor,
        vault=opened.vault,
        clock=opened.clock,
        randomness=opened.randomness,
        movable_clock=settings.movable_clock,
        audit_window=settings.audit_read_window_milliseconds / 1000,
        report=log.failure,
        outside=outside_settings(settings, opened.home_region, os.environ),
        quotas=settings.quotas == "aws",
        parameters_per_region=parameters_per_region(
            settings.quotas == "aws", settings.standard_parameters_per_region, settings.advanced_parameters_per_region
        ),
        rotation=RotationSurroundings(
            engines,
            ABSENT,
            EngineSettings(settings.rotation_ca_bundle, settings.rotation_connect_timeout_seconds),
            strict=settings.rotation_lock == "strict",
        ),
        job_workers=settings.job_workers,
        delivery_workers=settings.delivery_workers,
    )
    house.home_account = opened.home_account
    house.home_region = opened.home_region
    house.data_directory = settings.data
    house.deliveries.tell = log.warning
    house.deliveries.delivered_kept = settings.delivered_events_hours * HOUR
    house.deliveries.failed_kept = settings.failed_events_days * 24 * HOUR
    house.heads.file = HeadsFile(settings.data / FILE_NAME)
    house.audit_retention_days = settings.audit_retention_days
    house.functions.settings = FunctionSettings(
        environments=settings.function_environments,
        idle_seconds=settings.function_idle_seconds,
        ca_bundle=settings.function_ca_bundle,
        certificate=settings.tls_certificate,
    )
    return house


def run(
    settings: Settings,
    on_ready: Callable[[Ready], None],
    *,
    synchronous: Synchronous = "FULL",
    engines: Mapping[str, Engine] = ENGINES,
) -> None:
    """Serve until SIGTERM or SIGINT. Raises a `StartError` when the server cannot start."""
    opened = open_directory(settings, synchronous=synchronous)
    try:
        remember_clock(opened, movable=settings.movable_clock)
        uvloop.run(_serve(settings, opened, on_ready, engines))
    finally:
        opened.lock.release()


async def _serve(
    settings: Settings, opened: Opened, on_ready: Callable[[Ready], None], engines: Mapping[str, Engine]
) -> None:
    log = Log(settings.log_format, settings.log_level)
    house = build(settings, opened, log, engines)
    listener = Listener(
        house.handle,
        limits=_limits(settings),
        wall=opened.clock.wall,
        monotonic=opened.clock.monotonic,
        on_error=lambda error: log.failure("listener", error),
    )
    house.listener_gauges = listener.gauges
    readers = _readers(settings, opened, house, listener, log)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # A socket's path may hold 107 bytes only; a descriptor of its folder has no such limit.
    folder = os.open(settings.data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    control = Path(f"/proc/self/fd/{folder}/{CONTROL_SOCKET}")
    try:
        context = _tls(settings)
        port = await _listen(listener, settings, context)
        scheme = "http" if context is None else "https"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        house.endpoint = settings.public_url or f"{scheme}://{host}:{port}"
        await _listen_control(listener, control)
        house.start()
        collector.settle()
        on_ready(Ready(house.endpoint, settings.data, opened.home_account, opened.access_key_id, opened.first_start))
        if readers is not None:
            readers.start()
        await stop.wait()
        log.info("stopping", seconds=settings.drain_seconds)
        await _drain(listener, readers, settings.drain_seconds)
    finally:
        await _drain(listener, readers, 0)
        os.close(folder)
        await house.stop(settings.drain_seconds)


async def _drain(listener: Listener, readers: Readers | None, seconds: float) -> None:
    # The readers beside the listener: a client may wait at one of them for what the other process answers.
    if readers is not None:
        await asyncio.gather(readers.drain(seconds), listener.drain(seconds))
    else:
        await listener.drain(seconds)


def _readers(settings: Settings, opened: Opened, house: House, listener: Listener, log: Log) -> Readers | None:
    """Reading processes, not started yet, put together with the house; None without any."""
    number = settings.readers
    if number is None:
        number = 0 if settings.one_process else min(usable_cores() - 1, MOST_READERS)
    if not number:
        return None
    from holdfast.server.reader_line import Order  # start-up is measured, and one process needs none of it
    from holdfast.server.readers import Readers

    tls = (str(settings.tls_certificate), str(settings.tls_key)) if settings.tls_certificate else None
    order = Order(
        root_keys=opened.root_keys.export_text(),
        database=str(opened.executor.database.path),
        home_account=opened.home_account,
        home_region=opened.home_region,
        clock_offset=opened.clock.offset,
        audit_window=house.notebook.window,
        limits=listener.limits,
        tls=tls,
        log=(settings.log_format, settings.log_level),
    )
    readers = Readers(
        number,
        order,
        handle=house.handle,
        listener=listener,
        notebook=house.notebook,
        metrics=house.metrics,
        monotonic=opened.clock.monotonic,
        log=log,
    )
    listener.give = readers.give
    opened.executor.committed = readers.committed
    house.readers = readers
    house.audit_trail.readers = readers.flush
    return readers


def _limits(settings: Settings) -> Limits:
    return Limits(
        header_bytes=settings.max_header_bytes,
        body_bytes=settings.max_body_bytes,
        header_seconds=settings.header_timeout_seconds,
        body_seconds=settings.body_timeout_seconds,
        idle_seconds=settings.idle_timeout_seconds,
        connections=settings.max_connections,
        in_flight=settings.max_requests_in_flight,
    )


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    try:
        return server_tls_context(settings.tls_certificate, settings.tls_key)
    except (OSError, ValueError) as error:
        raise BadSetting(
            f"--tls-certificate {settings.tls_certificate} and --tls-key {settings.tls_key} cannot be used: {error}"
        ) from None


async def _listen(listener: Listener, settings: Settings, context: ssl.SSLContext | None) -> int:
    try:
        return await listener.listen_tcp(settings.host, settings.port, context)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"{settings.host}:{settings.port} is in use: stop what listens there, or choose another with --port "
                "(0 takes any free one)"
            ) from None
        raise PortInUse(f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}") from None


async def _listen_control(listener: Listener, control: Path) -> None:
    try:
        await listener.listen_unix(control)
    except OSError as error:
        raise DirectoryUnusable(
            f"the control socket {CONTROL_SOCKET} cannot be made in the data directory: {error.strerror or error}"
        ) from None


def configured_endpoint(settings: Settings) -> str:
    """Where a server with these settings will answer."""
    scheme = "https" if settings.tls_certificate else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.public_url or f"{scheme}://{host}:{settings.port}"


def read_environment(settings: Settings) -> dict[str, str]:
    """What `holdfast env` prints when no server runs: takes DIR's lock and opens the store itself. Raises a `StartError`."""
    if not (settings.data / "holdfast.db").exists():
        raise DirectoryUnusable(
            f"{settings.data} holds no store yet: start one with `holdfast serve --data {settings.data}`"
        )
    opened = open_directory(settings)
    found: dict[str, str] = {}

    def unit(tx: Transaction) -> None:
        row = tx.one(records.ROOT_ACCESS_KEY, opened.home_account)
        if row is not None:
            found["AWS_ACCESS_KEY_ID"] = row[0]
            found["AWS_SECRET_ACCESS_KEY"] = opened.vault.open(ACCESS_KEY_SECRET, (row[0],), row[1]).decode()

    try:
        opened.executor.immediately(unit)
    finally:
        opened.executor.database.close()
        opened.lock.release()
    return {
        "AWS_ENDPOINT_URL": configured_endpoint(settings),
        **found,
        "AWS_REGION": opened.home_region,
        "AWS_DEFAULT_REGION": opened.home_region,
    }
