"""Terraform's AWS provider, unmodified: apply, an empty plan, change, an empty plan, destroy.

No registry that this project uses carries terraform or its provider: they are used when found, else the test is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.testing import Account

TERRAFORM = shutil.which("terraform")
PROVIDER = "registry.terraform.io/hashicorp/aws"
PLACES = ("~/.terraform.d/plugins", "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "/opt/*")


def _mirrors() -> Iterator[Path]:
    """Folders that Terraform calls filesystem mirrors, and hold the provider."""
    named = os.environ.get("HOLDFAST_TERRAFORM_MIRROR")
    for place in (named,) if named else PLACES:
        expanded = Path(place).expanduser()
        found = expanded.parent.glob(expanded.name) if "*" in expanded.name else [expanded]
        yield from (folder for folder in found if (folder / PROVIDER).is_dir())


MIRROR = next(_mirrors(), None)

pytestmark = [
    pytest.mark.skipif(TERRAFORM is None, reason="terraform is not installed (no registry of ours carries it)"),
    pytest.mark.skipif(MIRROR is None, reason="Terraform's AWS provider is not installed"),
]

PASSWORD = "c4n4ry-terraform-password"


class Terraform:
    def __init__(self, folder: Path, account: Account) -> None:
        self.folder = folder
        configuration = folder / "terraformrc"
        configuration.write_text(f'provider_installation {{ filesystem_mirror {{ path = "{MIRROR}" }} }}\n')
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TF_CLI_CONFIG_FILE": str(configuration),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TF_VAR_password": PASSWORD,
            **account.environment,
        }
        self.variables: dict[str, str] = {}

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        environment = {**self._environment, **{f"TF_VAR_{k}": v for k, v in self.variables.items()}}
        done = subprocess.run(
            [str(TERRAFORM), *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode in codes, done.stdout + done.stderr
        return done

    def plan_is_empty(self) -> None:
        done = self.run("plan", "-input=false", "-no-color", "-detailed-exitcode", codes=(0, 2))
        assert done.returncode == 0, done.stdout


def test_apply_plan_change_destroy(holdfast: Account, tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("main.tf"), tmp_path)
    terraform = Terraform(tmp_path, holdfast)
    terraform.run("init", "-input=false", "-no-color")
    terraform.run("apply", "-auto-approve", "-input=false", "-no-color")
    terraform.plan_is_empty()
    output = json.loads(terraform.run("output", "-json").stdout)
    assert output["account"]["value"] == holdfast.account
    assert json.loads(output["secret"]["value"]) == {"username": "app", "password": PASSWORD}
    assert output["parameter"]["value"] == PASSWORD

    terraform.variables = {"description": "second", "password": PASSWORD + "-2"}
    terraform.run("apply", "-auto-approve", "-input=false", "-no-color")
    terraform.plan_is_empty()
    secrets, ssm, kms = (holdfast.client(s) for s in ("secretsmanager", "ssm", "kms"))
    assert secrets.describe_secret(SecretId="terraform/database")["Description"] == "second"
    assert json.loads(secrets.get_secret_value(SecretId="terraform/database")["SecretString"])["password"].endswith(
        "-2"
    )
    assert ssm.get_parameter(Name="/terraform/secure", WithDecryption=True)["Parameter"]["Version"] == 2
    key = kms.describe_key(KeyId="alias/terraform")["KeyMetadata"]
    assert key["Description"] == "second"

    terraform.run("destroy", "-auto-approve", "-input=false", "-no-color")
    assert ssm.describe_parameters()["Parameters"] == []
    assert secrets.list_secrets()["SecretList"] == []
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
