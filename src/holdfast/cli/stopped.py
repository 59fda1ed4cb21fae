"""What can be asked of the store of a directory whose server does not run: the same operations, as the operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.api import holdfast as api
from holdfast.api.base import ServiceError
from holdfast.cli.errors import CallRefused
from holdfast.server.stopped_store import operator_call, stopped_store
from holdfast.services.holdfast import delivery_operations, job_operations
from holdfast.services.holdfast.diagnoses import diagnose_signature
from holdfast.services.holdfast.explanations import explained
from holdfast.services.holdfast.question_operations import can
from holdfast.services.holdfast.rotation_operations import of_secrets_manager
from holdfast.services.holdfast.who_can import search_at_once
from holdfast.services.service import NOTHING_EXEMPT
from holdfast.wire.validation import validator

if TYPE_CHECKING:
    from holdfast.server.settings import Settings

OPERATIONS: dict[str, tuple[type[Any], Callable[..., Any]]] = {
    "Explain": (api.ExplainRequest, explained),
    "Can": (api.CanRequest, can),
    "DiagnoseSignature": (api.DiagnoseSignatureRequest, diagnose_signature),
    "WhoCan": (api.WhoCanRequest, search_at_once),
    "ShowRotation": (api.ShowRotationRequest, of_secrets_manager("ShowRotation")),
    "ForecastRotations": (api.ForecastRotationsRequest, of_secrets_manager("ForecastRotations")),
    "ListJobs": (api.ListJobsRequest, job_operations.list_jobs),
    "ListDeliveries": (api.ListDeliveriesRequest, delivery_operations.list_deliveries),
    "ShowDelivery": (api.ShowDeliveryRequest, delivery_operations.show_delivery),
    "GetJob": (api.GetJobRequest, job_operations.get_job),
}


def answer(settings: Settings, operation: str, members: dict[str, Any]) -> dict[str, Any]:
    """The output's members. Raises CallRefused, and a `StartError` when the store cannot be opened."""
    kind, function = OPERATIONS[operation]
    with stopped_store(settings) as (opened, transaction):
        try:
            asked = msgspec.convert(members, kind)
            validator(kind, NOTHING_EXEMPT)(asked)
            output = function(operator_call(opened, transaction), asked)
        except ServiceError as error:
            raise CallRefused(f"{error.code}: {error.message}") from None
    return _present(msgspec.to_builtins(output))


def _present(value: Any) -> Any:
    """Without the members that have no value, as they are on the wire."""
    if isinstance(value, dict):
        return {name: _present(each) for name, each in value.items() if each is not None}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_present(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return value
