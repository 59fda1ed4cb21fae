"""The AWS SDK for JavaScript v3 (npm), configured by environment variables only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from holdfast.testing import Account

HERE = Path(__file__).parent


def test_javascript_sdk(holdfast: Account) -> None:
    node = shutil.which("node")
    assert node is not None, "node is not installed; `make test` installs it"
    assert (HERE / "node_modules").is_dir(), "run `npm ci` here; `make test` does"
    done = subprocess.run(
        [node, "client.mjs"],
        cwd=HERE,
        env={"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", **holdfast.environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["account"] == holdfast.account
    assert seen["binary"] == [0, 1, 255]
    assert seen["createdIsDate"] is True
    assert seen["previous"] == "one"
    assert seen["listed"] == [f"js/many/{n}" for n in range(5)] + ["js/secret"]
    assert seen["secretError"] == {
        "name": "ResourceNotFoundException",
        "message": "Secrets Manager can't find the specified secret.",
        "status": 400,
    }
    assert seen["parameters"] == {f"/js/{n}": f"v{n}" for n in range(12)}
    assert seen["parameterNotFound"] is True
    assert seen["opened"] == "hello"
