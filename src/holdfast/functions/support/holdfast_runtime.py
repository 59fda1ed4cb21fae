"""Runs a Python function: AWS's own runtime interface client, which expects its server at the root of a host.

Ours is below a path of its own for each environment. The part of the client that is written in C takes a path with the
address; the part that is written in Python, which reports that a handler cannot be imported, has to be told.
"""

import os
import sys

from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient


class Client(LambdaRuntimeClient):
    """The client below a path."""

    def call_rapid(self, http_method, endpoint, expected_http_code, payload=None, headers=None):
        whole = self.lambda_runtime_address
        self.lambda_runtime_address, _, path = whole.partition("/")
        try:
            super().call_rapid(http_method, f"/{path}{endpoint}", expected_http_code, payload, headers)
        finally:
            self.lambda_runtime_address = whole


sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
bootstrap.run(os.environ["_HANDLER"], Client(os.environ["AWS_LAMBDA_RUNTIME_API"], False))
