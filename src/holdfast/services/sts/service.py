"""What STS answers."""

from __future__ import annotations

from holdfast.api import sts
from holdfast.services.service import Service, read
from holdfast.services.sts.operations import get_caller_identity

SERVICE = Service(
    api=sts.API,
    operations={
        "GetCallerIdentity": read(get_caller_identity),
    },
)
