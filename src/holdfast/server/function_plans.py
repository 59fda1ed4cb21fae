"""What a new environment of a function is made of: code unpacked, variables opened, role asked, credentials made, cage built.

INVARIANT: the folders of an environment are given back when it is gone, and at once when it never comes to be.

Threat: code that anybody with lambda:CreateFunction may bring. The plan names what of it is secret, so that no log shows it.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from holdfast.server.function_environment import (
    STREAM_DIGITS,
    bundle_in,
    credentials_of,
    merged_variables,
    own_endpoint,
    variables_of,
)
from holdfast.services.functions import NotInvoked

if TYPE_CHECKING:
    from holdfast.functions.environment import Environment, Plan
    from holdfast.functions.isolation import Isolation
    from holdfast.functions.workspace import Workspace
    from holdfast.server.functions import FunctionSettings
    from holdfast.server.surroundings import ServerSurroundings
    from holdfast.services.call import Call
    from holdfast.services.lambda_.records import Version
    from holdfast.store.group_commit import GroupCommit
    from holdfast.store.transaction import Transaction
    from holdfast.work.clock import SystemClock

CallOf = Callable[["Transaction", str, str], "Call"]
"""A call in the name of a service, in a Region."""


class Premises(NamedTuple):
    """Where environments live."""

    workspace: Workspace
    isolation: Isolation
    port: int
    """Of the Runtime API, on loopback."""
    endpoint: Callable[[], str]
    """Of this server."""
    settings: FunctionSettings


class Plans:
    """Makes plans, and clears away what was made for them. One per pool."""

    def __init__(
        self,
        surroundings: ServerSurroundings,
        executor: GroupCommit,
        clock: SystemClock,
        call_of: CallOf,
        premises: Premises,
    ) -> None:
        self._surroundings = surroundings
        self._executor = executor
        self._clock = clock
        self._call_of = call_of
        self._premises = premises
        self._number = surroundings.randomness.below(1 << 27)

    async def plan(self, version: Version, held: tuple[str, str], of: tuple[object, ...]) -> tuple[Plan, str]:
        """An environment of a version for an attempt, with the token of its Runtime API. Raises BadEntry, NotInvoked."""
        from holdfast.functions.environment import Plan
        from holdfast.services.lambda_ import records
        from holdfast.services.lambda_.identifiers import version_text
        from holdfast.services.lambda_.rules import decoded_environment

        workspace, isolation, vault = self._premises.workspace, self._premises.isolation, self._surroundings.vault
        folder = await workspace.code(
            (*version.key, version.code_sha256),
            lambda: records.read_code(self._executor.snapshot(), vault, version),
        )
        try:
            program = self._program(version, folder)
            self._number += 1
            number = self._number
            token = new_token(self._surroundings)
            credentials = self._credentials(version, held)
            own = isolation.cage(number, program, {}, folder, version.memory_size, version.storage_size)
            scratch = workspace.scratch(own.user, own.group)
            variables = {
                **self._variables(version, folder, scratch, token),
                **credentials,
            }
            given = decoded_environment(records.open_environment(vault, version))
            cage = isolation.cage(
                number,
                program,
                merged_variables(given, variables),
                folder,
                version.memory_size,
                version.storage_size,
            )
        except BaseException:
            await workspace.code_left(folder)
            raise
        secrets = (credentials["AWS_SECRET_ACCESS_KEY"].encode(), credentials["AWS_SESSION_TOKEN"].encode())
        plan = Plan(
            name=(*of, version.revision_id, held[1]),
            version=version_text(version.version),
            timeout=version.timeout,
            memory_size=version.memory_size,
            cage=cage,
            secrets=(*secrets, token.encode()),
        )
        return plan, token

    def _program(self, version: Version, folder: Path) -> list[str]:
        if version.runtime.startswith("provided"):
            entry = folder / "bootstrap"
            if not entry.is_file() or not entry.stat().st_mode & 0o111:
                raise BadEntry
            return [str(entry)]
        if importlib.util.find_spec("awslambdaric") is None:
            raise NotInvoked("functions with a python runtime need an extra of this program: holdfast[functions]")
        return [sys.executable, str(self._premises.workspace.support / "holdfast_runtime.py")]

    def _credentials(self, version: Version, held: tuple[str, str]) -> dict[str, str]:
        from holdfast.services.lambda_.finding import LAMBDA

        return credentials_of(self._call_of(self._executor.snapshot(), LAMBDA.service, version.region), version, held)

    def _variables(self, version: Version, folder: Path, scratch: Path, token: str) -> dict[str, str]:
        from holdfast.services.lambda_.rules import modified_text

        workspace, settings = self._premises.workspace, self._premises.settings
        return variables_of(
            version,
            folder=folder,
            scratch=scratch,
            support=workspace.support,
            runtime_api=f"127.0.0.1:{self._premises.port}/{token}",
            endpoint=own_endpoint(self._premises.endpoint()),
            day=modified_text(self._clock.service())[:10].replace("-", "/"),
            stream=self._surroundings.randomness.token(STREAM_DIGITS, 32),
            bundle=bundle_in(workspace.root, settings.ca_bundle, settings.certificate),
        )

    async def buried(self, environment: Environment) -> None:
        """Nothing of an environment is left: neither is its folder."""
        workspace, cage = self._premises.workspace, environment.plan.cage
        await workspace.remove(Path(cage.environment["TMPDIR"]))
        await workspace.code_left(Path(cage.folder))


class BadEntry(Exception):
    """The zip holds nothing that can be started."""

    def document(self, request_id: str) -> bytes:
        """What the invocation answers."""
        text = f"RequestId: {request_id} Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
        return msgspec.json.encode({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": text})


def new_token(surroundings: ServerSurroundings) -> str:
    """For the path of a Runtime API, or the name of a folder: nobody guesses it."""
    return surroundings.randomness.bytes(16).hex()
