"""What EventBridge answers."""

from __future__ import annotations

from holdfast.api import events as api
from holdfast.services.service import Service

SERVICE = Service(api=api.API, operations={})
