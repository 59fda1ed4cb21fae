"""Terraform in a folder of its own, with one configuration, against one account.

No registry that this project uses carries terraform or its provider: they are used when found, else the tests are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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

needs_terraform = [
    pytest.mark.skipif(TERRAFORM is None, reason="terraform is not installed (no registry of ours carries it)"),
    pytest.mark.skipif(MIRROR is None, reason="Terraform's AWS provider is not installed"),
]

PASSWORD = "c4n4ry-terraform-password"


class Terraform:
    """Copies a configuration of this package into a folder, and initialises it there."""

    def __init__(self, folder: Path, account: Account, configuration_file: str) -> None:
        self.folder = folder
        shutil.copy(Path(__file__).with_name(configuration_file), folder)
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
        self.run("init", "-input=false", "-no-color")

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

    def apply(self) -> None:
        """Make everything as it is written, after which nothing is left to do."""
        self.run("apply", "-auto-approve", "-input=false", "-no-color")
        self.plan_is_empty()

    def destroy(self) -> None:
        self.run("destroy", "-auto-approve", "-input=false", "-no-color")

    def output(self) -> dict[str, Any]:
        """The values of the configuration's outputs."""
        found = json.loads(self.run("output", "-json").stdout)
        return {name: entry["value"] for name, entry in found.items()}
