"""One operation of a service model, apart from the structures: every call looks at its operation many times, and compiled
code reads the fields of a class like this one without asking for them by name (docs/adr/0020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from holdfast.api.base import ServiceError, Shape

InputT = TypeVar("InputT", bound="Shape")
OutputT = TypeVar("OutputT", bound="Shape")


class Operation(Generic[InputT, OutputT]):
    """One operation of a service model. Each is itself only, and never changes."""

    __slots__ = (
        "errors",
        "http_method",
        "http_path",
        "http_status",
        "input",
        "name",
        "no_output",
        "output",
        "result_wrapper",
        "service",
    )

    def __init__(
        self,
        service: str,
        name: str,
        input: type[InputT],  # noqa: A002 - the model's word
        output: type[OutputT],
        errors: tuple[type[ServiceError], ...] = (),
        result_wrapper: str = "",
        no_output: bool = False,
        http_method: str = "POST",
        http_path: str = "/",
        http_status: int = 200,
    ) -> None:
        self.service = service
        self.name = name
        self.input = input
        self.output = output
        self.errors = errors
        self.result_wrapper = result_wrapper
        """The element around a Query result."""
        self.no_output = no_output
        """The model gives no output at all: the body is empty, not an empty structure."""
        self.http_method = http_method
        self.http_path = http_path
        self.http_status = http_status
        """REST-JSON: of a success."""

    def __repr__(self) -> str:
        return f"<Operation {self.service}:{self.name}>"
