"""What is asked of the servers: the same names, values and calls on each of them.

Reads go round 64 secrets and 64 parameters of one region. A write is never a repetition: each PutSecretValue carries
its own token, and a batch of them is spread over 128 secrets so that none gets more than 90 versions (AWS keeps 100 for
a day); each CreateSecret has its own name. Every batch of writes has a region of its own (or nearly), because moto's
time grows with the number of secrets in a region and its figures should not suffer from earlier rounds.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

from benchmarks.client import Connection, send_all
from benchmarks.signed import Call, Endpoint, sign, sign_all

READ_REGION = "us-east-1"
WRITE_REGIONS = (
    *("us-east-2", "us-west-1", "us-west-2", "ca-central-1", "ca-west-1", "sa-east-1", "af-south-1"),
    *("eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2"),
    *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3"),
    *("ap-southeast-4", "ap-south-1", "ap-south-2", "ap-east-1", "il-central-1", "me-central-1", "me-south-1"),
)
NAMES = 64
SECRETS_OF_A_BATCH = 128
VERSIONS_OF_A_SECRET = 90
BATCH = SECRETS_OF_A_BATCH * VERSIONS_OF_A_SECRET
"""The most PutSecretValue calls one batch holds."""


def value(number: int) -> str:
    """A database credential as the console stores it, about 130 bytes."""
    return json.dumps(
        {
            "engine": "postgres",
            "host": "database.example.com",
            "username": f"application-{number}",
            "password": f"correct horse battery staple {number}",
            "port": 5432,
        }
    )


def secret_name(number: int) -> str:
    return f"production/application-{number:02}/database"


def parameter_name(number: int) -> str:
    return f"/production/application-{number:02}/password"


def reads() -> dict[str, list[Call]]:
    """The calls of the two read loads."""
    return {
        "GetSecretValue": [
            Call("secretsmanager", "GetSecretValue", {"SecretId": secret_name(number)}) for number in range(NAMES)
        ],
        "GetParameter": [
            Call("ssm", "GetParameter", {"Name": parameter_name(number), "WithDecryption": True})
            for number in range(NAMES)
        ],
    }


def creations() -> Iterator[Call]:
    """The calls that create what `reads` reads."""
    for number in range(NAMES):
        yield _create(secret_name(number), number)
        parameters = {"Name": parameter_name(number), "Value": value(number), "Type": "SecureString"}
        yield Call("ssm", "PutParameter", parameters)


def prepare_reads(endpoint: Endpoint) -> None:
    """Create what `reads` reads, and see that every call answers its value."""
    send_all(endpoint.port, sign_all(endpoint, READ_REGION, creations()), connections=4)
    check_reads(endpoint)


def check_reads(endpoint: Endpoint) -> None:
    """Every read answers 200 with the right value; this is also the warm-up."""
    connection = Connection(endpoint.port)
    for operation, calls in reads().items():
        for number, request in enumerate(sign_all(endpoint, READ_REGION, calls)):
            answer = connection.call(request)
            found = answer["SecretString"] if operation == "GetSecretValue" else answer["Parameter"]["Value"]
            if found != value(number):
                raise AssertionError(f"{operation} answered another value than was stored")
    connection.close()


def region_of(batch: int) -> str:
    return WRITE_REGIONS[batch % len(WRITE_REGIONS)]


def prepare_puts(endpoint: Endpoint, batch: int) -> None:
    """Create the secrets that the puts of a batch write to."""
    calls = [_create(_batch_name(batch, number), number) for number in range(SECRETS_OF_A_BATCH)]
    send_all(endpoint.port, sign_all(endpoint, region_of(batch), calls), connections=8)


def puts(endpoint: Endpoint, batch: int, count: int) -> list[bytes]:
    """Signed PutSecretValue requests, none a repetition of another."""
    if count > BATCH:
        raise ValueError(f"a batch holds {BATCH} puts")
    return sign_all(endpoint, region_of(batch), _puts(batch, count))


def _puts(batch: int, count: int) -> Iterator[Call]:
    for number in range(count):
        name = _batch_name(batch, number % SECRETS_OF_A_BATCH)
        parameters = {"SecretId": name, "ClientRequestToken": str(uuid.uuid4()), "SecretString": value(number)}
        yield Call("secretsmanager", "PutSecretValue", parameters)


def prepare_parameters(endpoint: Endpoint, batch: int, kind: str) -> None:
    """Create the parameters that the puts of a batch write to."""
    calls = [_put_parameter(batch, number, kind) for number in range(SECRETS_OF_A_BATCH)]
    send_all(endpoint.port, sign_all(endpoint, region_of(batch), calls), connections=8)


def parameter_puts(endpoint: Endpoint, batch: int, kind: str, count: int) -> list[bytes]:
    """Signed PutParameter requests, each of which writes a new version."""
    calls = (_put_parameter(batch, number % SECRETS_OF_A_BATCH, kind) for number in range(count))
    return sign_all(endpoint, region_of(batch), calls)


def _put_parameter(batch: int, number: int, kind: str) -> Call:
    name = f"/{_batch_name(batch, number)}"
    return Call("ssm", "PutParameter", {"Name": name, "Value": value(number), "Type": kind, "Overwrite": True})


def creates(endpoint: Endpoint, batch: int, count: int) -> list[bytes]:
    """Signed CreateSecret requests with names that are not taken."""
    return sign_all(endpoint, region_of(batch), (_create(f"batch-{batch}/new-{n:06}", n) for n in range(count)))


def versions_in(endpoint: Endpoint, batch: int) -> int:
    """How many versions the secrets of a batch have: the first of each, and one for every put that really wrote."""
    connection = Connection(endpoint.port)
    total = 0
    for number in range(SECRETS_OF_A_BATCH):
        parameters = {"SecretId": _batch_name(batch, number), "IncludeDeprecated": True, "MaxResults": 100}
        call = Call("secretsmanager", "ListSecretVersionIds", parameters)
        total += len(connection.call(sign(endpoint, region_of(batch), call))["Versions"])
    connection.close()
    return total


def _batch_name(batch: int, number: int) -> str:
    return f"batch-{batch}/application-{number:03}"


def _create(name: str, number: int) -> Call:
    parameters = {"Name": name, "ClientRequestToken": str(uuid.uuid4()), "SecretString": value(number)}
    return Call("secretsmanager", "CreateSecret", parameters)
