"""What Parameter Store answers. Operations of the model that are not here say by name that they are absent."""

from __future__ import annotations

from holdfast.api import ssm as api
from holdfast.services.service import Service, read, write
from holdfast.services.ssm import (
    describe_operations,
    guard,
    label_operations,
    read_operations,
    tag_operations,
    write_operations,
)

SERVICE = Service(
    api=api.API,
    operations={
        "AddTagsToResource": write(tag_operations.add_tags_to_resource),
        "DeleteParameter": write(write_operations.delete_parameter),
        "DeleteParameters": write(write_operations.delete_parameters),
        "DescribeParameters": read(describe_operations.describe_parameters),
        "GetParameter": read(read_operations.get_parameter),
        "GetParameterHistory": read(read_operations.get_parameter_history),
        "GetParameters": read(read_operations.get_parameters),
        "GetParametersByPath": read(read_operations.get_parameters_by_path),
        "LabelParameterVersion": write(label_operations.label_parameter_version),
        "ListTagsForResource": read(tag_operations.list_tags_for_resource),
        "PutParameter": write(write_operations.put_parameter),
        "RemoveTagsFromResource": write(tag_operations.remove_tags_from_resource),
        "UnlabelParameterVersion": write(label_operations.unlabel_parameter_version),
    },
    guard=guard.guard,
)
