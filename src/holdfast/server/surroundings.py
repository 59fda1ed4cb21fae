"""What all calls of one server share (`services.call.Surroundings`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.api.base import Operation
    from holdfast.rotation.surroundings import RotationSurroundings
    from holdfast.server.directory import Directory
    from holdfast.server.notebook import Notebook
    from holdfast.services.functions import Functions
    from holdfast.services.holdfast.operations import Control
    from holdfast.services.outbox.deliveries import Tally
    from holdfast.services.outside import Outside
    from holdfast.services.principals import Principals
    from holdfast.services.service import Served, Service
    from holdfast.vault.randomness import Randomness
    from holdfast.vault.vault import Vault


class ServerSurroundings:
    """One per server."""

    partition = "aws"

    def __init__(
        self,
        vault: Vault,
        randomness: Randomness,
        wall: Callable[[], float],
        directory: Directory,
        notebook: Notebook,
        principals: Principals,
        outside: Outside,
        rotation: RotationSurroundings,
        deliveries: Tally,
    ) -> None:
        self.vault = vault
        self.randomness = randomness
        self.wall = wall
        self.principals = principals
        self.outside = outside
        self.rotation = rotation
        self.deliveries = deliveries
        self.control: Control
        self.functions: Functions
        self._directory = directory
        self._notebook = notebook
        self.scheduled = False
        """A job was scheduled since the worker was last woken."""

    def served(self, operation: Operation[Any, Any]) -> Served:
        return self._directory.served(operation)

    def service(self, name: str) -> Service:
        return self._directory.service(name)

    def pending_note(self, kind: str, key: Any) -> Any:
        return self._notebook.pending(kind, key)

    def job_scheduled(self) -> None:
        self.scheduled = True
