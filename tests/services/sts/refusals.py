"""What a client is told when it is refused."""

from tests.services.refusals import refusal as refused

__all__ = ["refused"]
