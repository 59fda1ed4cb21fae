"""Why a signature was not accepted: what is kept of each refusal that was looked into, and DiagnoseSignature.

A row is one JSON object, written with the notebook's batch; the newest ten thousand are kept. Nothing in it is secret
(wire/signature_doctor.py says what it leaves out).

Threat: a guesser who asks what was wrong with the guess. Only the operator and the root user of the home account may, and
everybody else is refused the same way whether there is such a diagnosis or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from holdfast.access.principal import PrincipalKind
from holdfast.api import holdfast as api
from holdfast.api.base import AccessDeniedException
from holdfast.store.statements import Statement

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.store.transaction import Transaction

SIGNATURE_FAILED = "holdfast.signature-failed"
"""The kind of note."""
KEPT = 10_000

INSERT_FAILURE = Statement(
    "INSERT INTO signature_failure (request_id, diagnosis) VALUES (?, ?) ON CONFLICT (request_id) DO NOTHING"
)
READ_FAILURE = Statement("SELECT diagnosis FROM signature_failure WHERE request_id = ?")
TRIM_FAILURES = Statement(
    """
    DELETE FROM signature_failure WHERE request_id <=
      (SELECT request_id FROM signature_failure ORDER BY request_id DESC LIMIT 1 OFFSET ?)
    """
)


class SignatureDiagnosis(msgspec.Struct, frozen=True, omit_defaults=True):
    """One refusal that was looked into."""

    moment: int
    """Service time in milliseconds."""
    cause: str
    """A value of `wire.signature_doctor.Cause`."""
    text: str
    details: dict[str, str]
    error_code: str
    service: str
    operation: str
    access_key_id: str = ""
    """Empty when what stood in its place does not look like one."""
    account: str = ""
    """Whose key it is; empty when there is no such key."""
    address: str = ""


def write_failure(tx: Transaction, request_id: str, diagnosis: SignatureDiagnosis) -> None:
    """Write the note, and drop what is beyond the newest."""
    tx.run(INSERT_FAILURE, request_id, msgspec.json.encode(diagnosis).decode())
    tx.run(TRIM_FAILURES, KEPT)


def signature_diagnosis(tx: Transaction, request_id: str) -> SignatureDiagnosis | None:
    """What is known of a refused signature. None: there was no such refusal, it was not looked into, or it is too old."""
    row = tx.one(READ_FAILURE, request_id)
    return None if row is None else msgspec.json.decode(row[0], type=SignatureDiagnosis)


def may_see_diagnoses(call: Call) -> bool:
    """Whether the caller is the operator, or the root user of the home account."""
    decision = call.check("holdfast:DiagnoseSignature", "*")
    if call.principal.kind is PrincipalKind.OPERATOR:
        return decision.allowed
    at_home = call.account == call.surroundings.control.home(call.tx)[2]
    return decision.allowed and at_home and call.principal.kind is PrincipalKind.ROOT


def diagnose_signature(call: Call, value: api.DiagnoseSignatureRequest) -> api.DiagnoseSignatureResponse:
    """Why the signature of a request was not accepted, by the request id of the refusal."""
    assert value.RequestId is not None
    if not may_see_diagnoses(call):
        raise AccessDeniedException(
            f"User: {call.principal.arn} is not authorized to perform: holdfast:DiagnoseSignature because only the "
            "operator and the root user of the home account may"
        )
    pending: SignatureDiagnosis | None = call.pending_note(SIGNATURE_FAILED, value.RequestId)
    found = pending or signature_diagnosis(call.tx, value.RequestId)
    if found is None:
        raise api.DiagnosisNotFoundException(
            f"No diagnosis of a signature is kept for the request {value.RequestId}: its signature was accepted, or it "
            "came among too many, or too long ago."
        )
    return api.DiagnoseSignatureResponse(
        RequestId=value.RequestId,
        Date=found.moment / 1000,
        Cause=found.cause,
        Text=found.text,
        Details=found.details,
        ErrorCode=found.error_code,
        Service=found.service,
        Operation=found.operation,
        AccessKeyId=found.access_key_id or None,
        Account=found.account or None,
        SourceAddress=found.address or None,
    )
