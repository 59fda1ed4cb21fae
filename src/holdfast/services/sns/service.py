"""What SNS answers."""

from __future__ import annotations

from holdfast.api import sns as api
from holdfast.services.service import Service

SERVICE = Service(api=api.API, operations={})
