"""The second judge: `@cloud-copilot/iam-simulate`, run by Node.js over scenes.

It has no notion of the root user, service-linked roles, grants, web identities and unique ids. The first two are given a
policy that allows everything, as the engine treats them; scenes with the others are not put to it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from holdfast.access import reference

HERE = Path(__file__).parent / "javascript"
OUTCOMES = {"Allowed": "allow", "ImplicitlyDenied": "implicit-deny", "ExplicitlyDenied": "explicit-deny"}
EVERYTHING = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


def judge(simulations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`{"result": outcome, "ignored": keys}` or `{"errors": …}` for each simulation."""
    node = shutil.which("node")
    assert node is not None, "node is not installed; `make test` installs it"
    assert (HERE / "node_modules").is_dir(), f"run `npm ci` in {HERE}; `make test` does"
    done = subprocess.run(
        [node, "judge.mjs"], cwd=HERE, input=json.dumps(simulations), capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return [{**each, "result": OUTCOMES[each["result"]]} if "result" in each else each for each in results]


def simulation_of(scene: dict[str, Any]) -> dict[str, Any]:
    """A scene as the judge reads it."""
    principal = scene["principal"]
    at_home = principal["account"] == scene["owner"]
    own = [{"name": each["name"], "policy": each["document"]} for each in scene["identity_policies"]]
    if principal["kind"] == "Root" or (principal["kind"] == "AWSService" and at_home):
        own.append({"name": "everything", "policy": EVERYTHING})
    context = {key: value for key, value in reference.global_keys(scene).items() if value is not None}
    context |= {f"aws:PrincipalTag/{name}": value for name, value in principal["tags"].items()}
    found: dict[str, Any] = {
        "request": {
            "principal": principal["arn"],
            "action": scene["action"],
            "resource": {"resource": scene["resource"], "accountId": scene["owner"]},
            "contextVariables": {**scene["context"], **context},
        },
        "identityPolicies": own,
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
    }
    if scene["resource_policy"]:
        found["resourcePolicy"] = scene["resource_policy"]["document"]
    if scene["boundary"]:
        found["permissionBoundaryPolicies"] = [{"name": "boundary", "policy": scene["boundary"]["document"]}]
    if scene["session_policies"]:
        found["sessionPolicy"] = scene["session_policies"][0]["document"]
    return found
