"""GetRandomPassword."""

from __future__ import annotations

from holdfast.api import secretsmanager as api
from holdfast.services.call import Call
from holdfast.services.secretsmanager.passwords import random_password


def get_random_password(call: Call, value: api.GetRandomPasswordRequest) -> api.GetRandomPasswordResponse:
    """A password; nothing of it is kept."""
    call.authorize("secretsmanager:GetRandomPassword", "*")
    return api.GetRandomPasswordResponse(RandomPassword=random_password(value, call.randomness))
