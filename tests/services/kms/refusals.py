"""How a boto3 call must fail."""

from tests.services.refusals import refused

__all__ = ["refused"]
