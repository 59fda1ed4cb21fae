"""What our own service answers."""

from __future__ import annotations

from holdfast.api import holdfast as api
from holdfast.services.holdfast import operations
from holdfast.services.service import Service, read, waiting, write

SERVICE = Service(
    api=api.API,
    operations={
        "AdvanceClock": waiting(operations.advance_clock),
        "CreateAccount": write(operations.create_account),
        "GetClock": read(operations.get_clock),
        "GetEnvironment": read(operations.get_environment),
        "GetStatus": read(operations.get_status),
    },
)
