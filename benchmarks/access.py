"""What policies cost: GetSecretValue by the root key, by a role session, and by one with a thousand statements.

One server, the same 64 secrets, three callers in turn. The root key is authorized without any policy. The role sessions
bring a session token, which is opened and checked with each call, and policies of every kind that people attach:

- *three policies*: one that allows the reads by name, one with conditions, one that denies deletions;
- *1,000 statements*: ten managed policies and an inline one, filled to IAM's quotas. 120 are about Secrets Manager with
  wildcards before and after the other teams' names, so that no prefix tells them apart; the others are about other services.

Both are ratios within one round, whose loads follow each other: what else the machine does is in both.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from boto3.session import Session

from benchmarks import processes, workload
from benchmarks.samples import Table, Tell, rotated, take
from benchmarks.signed import Endpoint, sign_all
from holdfast.wire.signer import Credentials

OPERATION = "GetSecretValue"
ROOT, THREE, THOUSAND = "root key", "role, three policies", "role, 1,000 statements"
CALLERS = (ROOT, THREE, THOUSAND)
CONNECTIONS = 16
MANAGED, INLINE = 6144, 10240
"""Characters of a managed policy, and of all inline policies of a role."""
STATEMENTS = 1000
OURS = "arn:aws:secretsmanager:us-east-1:*:secret:production/*"


def steps(rounds: int) -> int:
    """How often `measure` tells."""
    return 1 + rounds * len(CALLERS)


def measure(folder: Path, rounds: int, seconds: int, tell: Tell) -> Table:
    """All callers in turn, on one server."""
    directory = folder / "access"
    process = processes.holdfast(directory).wait_until_listening()
    found = Table()
    try:
        root = processes.holdfast_endpoint(process, directory)
        tell("users, roles and policies")
        workload.prepare_reads(root)
        endpoints = _callers(root)
        for endpoint in endpoints.values():
            workload.check_reads(endpoint)
        for number in range(rounds):
            for caller in rotated(CALLERS, number):
                tell(f"{OPERATION} by {caller}, round {number + 1}")
                requests = sign_all(endpoints[caller], workload.READ_REGION, workload.reads()[OPERATION])
                found.add(OPERATION, caller, CONNECTIONS, take(process, requests, CONNECTIONS, seconds))
    finally:
        process.stop()
    return found


def ratios(found: Table, caller: str) -> tuple[float, float]:
    """Medians over the rounds of the share of the root key's rate that is kept: by CPU, and by requests a second."""
    ours = found.get(OPERATION, caller, CONNECTIONS).samples
    root = found.get(OPERATION, ROOT, CONNECTIONS).samples
    pairs = list(zip(ours, root, strict=True))
    by_cpu = statistics.median(base.cpu_microseconds / sample.cpu_microseconds for sample, base in pairs)
    return by_cpu, statistics.median(sample.rate / base.rate for sample, base in pairs)


# -- who calls ----------------------------------------------------------------------------------------------------------


def _callers(root: Endpoint) -> dict[str, Endpoint]:
    def client(service: str, credentials: Credentials) -> Any:
        create: Any = Session().client
        return create(
            service,
            region_name=workload.READ_REGION,
            endpoint_url=f"http://{root.host}",
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
        )

    iam = client("iam", root.credentials)
    user = iam.create_user(UserName="deployer")["User"]["Arn"]
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    sts = client("sts", Credentials(key["AccessKeyId"], key["SecretAccessKey"]))
    found = {ROOT: root}
    for name, caller, policies in (("three", THREE, _three()), ("thousand", THOUSAND, _thousand())):
        trust = _document([{"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"}])
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        *managed, inline = policies
        for number, document in enumerate(managed):
            made = iam.create_policy(PolicyName=f"{name}-{number}", PolicyDocument=document)["Policy"]["Arn"]
            iam.attach_role_policy(RoleName=name, PolicyArn=made)
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=inline)
        answer = sts.assume_role(RoleArn=role, RoleSessionName="benchmark")["Credentials"]
        credentials = Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])
        found[caller] = Endpoint(root.port, credentials)
    return found


def _document(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


def _three() -> list[str]:
    reads = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret", "ssm:GetParameter*"]
    return [
        _document([{"Effect": "Allow", "Action": reads, "Resource": [OURS, "arn:aws:ssm:*:*:parameter/production/*"]}]),
        _document(
            [
                {
                    "Effect": "Allow",
                    "Action": "secretsmanager:*",
                    "Resource": "*",
                    "Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}},
                },
                {
                    "Effect": "Allow",
                    "Action": "kms:Decrypt",
                    "Resource": "*",
                    "Condition": {"StringLike": {"kms:ViaService": "*.amazonaws.com"}},
                },
            ]
        ),
        _document([{"Effect": "Deny", "Action": ["secretsmanager:Delete*", "ssm:Delete*"], "Resource": "*"}]),
    ]


def _statements() -> Iterator[dict[str, str]]:
    yield {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": OURS}
    yield {"Effect": "Allow", "Action": "ssm:*", "Resource": "arn:aws:ssm:*:*:parameter/production/*"}
    for number in range(120):
        yield {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": f"arn:aws:secretsmanager:*:*:*:t{number}/*"}
    for number in range(STATEMENTS - 122):
        yield {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{number}"}


def _thousand() -> list[str]:
    """A thousand statements, each policy as full as IAM takes it; the last one is for the role itself."""
    policies: list[list[dict[str, str]]] = [[]]
    for statement in _statements():
        if len(_document([*policies[-1], statement])) > (MANAGED if len(policies) < 11 else INLINE):
            policies.append([])
        policies[-1].append(statement)
    assert sum(map(len, policies)) == STATEMENTS
    assert len(policies) <= 11
    return [_document(policy) for policy in policies]
