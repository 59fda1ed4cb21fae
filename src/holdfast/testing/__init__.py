"""A real Holdfast server for your own tests.

    pip install holdfast[testing] boto3

    def test_reads_its_password(holdfast):
        secrets = holdfast.client("secretsmanager")
        secrets.create_secret(Name="db", SecretString="hunter2")
        assert my_program(endpoint=holdfast.endpoint_url, **holdfast.credentials) == "hunter2"

Fixtures (the pytest plugin `holdfast.testing.plugin` is found by itself):

    holdfast          a fresh account on one server for the whole session; costs about a millisecond
    holdfast_server   a server of its own, with a clock that moves: `holdfast_server.advance(days=30)`

The server is a process of its own on a throw-away directory, the same program that production runs.
"""

from holdfast.testing.server import Account, Server

__all__ = ["Account", "Server"]
