"""How a boto3 call must fail."""

from __future__ import annotations

from tests.services.refusals import refused

__all__ = ["MARKED_FOR_DELETION", "NOT_FOUND", "refused"]

MARKED_FOR_DELETION = (
    "InvalidRequestException",
    "You can't perform this operation on the secret because it was marked for deletion.",
)
NOT_FOUND = ("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
