"""Errors as each protocol writes them.

JSON      `{"__type": code, "message": text}`; the text under the member the model names, left out when there is none
Query     `<ErrorResponse><Error><Type/><Code/><Message/></Error><RequestId/></ErrorResponse>`, with the older codes and
          statuses (`query_code`, `query_status`) that the Query services keep

The text of an error is AWS's and carries no secret (see `validation`); nothing else of the exception is written: no
traceback, no cause, no repr.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from holdfast.api.base import ServiceError
from holdfast.wire.messages import Headers

ENCODER: Final = msgspec.json.Encoder()


def request_id_header(request_id: str) -> tuple[str, str]:
    return ("x-amzn-RequestId", request_id)


def json_error(error: ServiceError, content_type: str, request_id: str) -> tuple[int, bytes, Headers]:
    """Status, body and headers of an error on the JSON protocols."""
    fields: dict[str, Any] = {**error.members, "__type": error.code}
    if error.message_member is not None and error.message is not None:
        fields[error.message_member] = encodable(error.message)
    headers = [("Content-Type", content_type), request_id_header(request_id), ("x-amzn-ErrorType", error.code)]
    return error.status, ENCODER.encode(fields), headers


def query_error(error: ServiceError) -> tuple[int, dict[str, Any]]:
    """Status, and what stands inside `<Error>`, in order."""
    status = error.query_status or error.status
    fields: dict[str, Any] = {
        "Type": "Sender" if status < 500 else "Receiver",
        "Code": error.query_code or error.code,
        "Message": encodable(error.message or ""),
    }
    # Plain values only: no model of a Query service has an error with a structure in it.
    return status, fields | {name: value for name, value in error.members.items() if isinstance(value, str | int)}


def encodable(text: str) -> str:
    """The text without lone surrogates, which UTF-8 cannot carry: an error must never fail to be answered."""
    return text.encode("utf-8", "replace").decode()
