"""`holdfast parameters`: publish parameters that every account may read, below /aws/service/.

The operator's own PutParameter and DeleteParameter, over the control socket: nobody else may write these names.
"""

from __future__ import annotations

import os
from typing import Annotated, Literal

from cyclopts import App, Parameter

from holdfast.cli.options import DataOption, FormatOption
from holdfast.cli.output import print_json

parameters = App(
    name="parameters",
    help="""Publish parameters to every account.

AWS publishes parameters below /aws/service/ that everybody may read and nobody may write: image ids, lists of regions. Here
the operator does, from the host that the server runs on. The images that a parameter of the data type aws:ec2:image may
name are the public StringList /aws/service/holdfast/images.

For example:

    holdfast parameters publish /aws/service/ecs/optimized-ami/image_id ami-0123456789abcdef0
    holdfast parameters withdraw /aws/service/ecs/optimized-ami/image_id
""",
)
RegionOption = Annotated[str | None, Parameter(name="--region", help="The region. [default: the home region]")]


@parameters.command
def publish(
    name: Annotated[str, Parameter(help="A name that begins with /aws/service/.")],
    value: Annotated[str, Parameter(help="Its value.")],
    /,
    *,
    kind: Annotated[Literal["String", "StringList"], Parameter(name="--type", help="The parameter's type.")] = "String",
    region: RegionOption = None,
    data: DataOption = None,
    form: FormatOption = "text",
) -> None:
    """Publish a parameter, or its next version. It prints the version.

    For example:

        holdfast parameters publish /aws/service/ecs/optimized-ami/image_id ami-0123456789abcdef0
        holdfast parameters publish /aws/service/holdfast/images ami-01234567 --type StringList
        holdfast parameters publish /aws/service/mine/mirror a.example.org --region eu-west-1
    """
    from holdfast.cli.connection import ControlDoor, data_directory

    door = ControlDoor(data_directory(data, os.environ))
    answer = door.call_service("AmazonSSM.PutParameter", region, Name=name, Value=value, Type=kind, Overwrite=True)
    if form == "json":
        print_json({"name": name, "version": answer["Version"]})
    else:
        print(answer["Version"])


@parameters.command
def withdraw(
    name: Annotated[str, Parameter(help="The name of a published parameter.")],
    /,
    *,
    region: RegionOption = None,
    data: DataOption = None,
) -> None:
    """Take a published parameter back, with all its versions.

    For example:

        holdfast parameters withdraw /aws/service/ecs/optimized-ami/image_id
        holdfast parameters withdraw /aws/service/mine/mirror --region eu-west-1
    """
    from holdfast.cli.connection import ControlDoor, data_directory

    ControlDoor(data_directory(data, os.environ)).call_service("AmazonSSM.DeleteParameter", region, Name=name)
