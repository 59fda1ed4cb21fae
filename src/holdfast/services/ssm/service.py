"""What Parameter Store answers. Operations of the model that are not here say by name that they are absent."""

from __future__ import annotations

from holdfast.api import ssm as api
from holdfast.services.service import Service, read, write
from holdfast.services.ssm import (
    describe_operations,
    guard,
    jobs,
    label_operations,
    read_operations,
    setting_operations,
    sharing_operations,
    tag_operations,
    write_operations,
)

SERVICE = Service(
    api=api.API,
    operations={
        "AddTagsToResource": write(tag_operations.add_tags_to_resource),
        "DeleteParameter": write(write_operations.delete_parameter),
        "DeleteParameters": write(write_operations.delete_parameters),
        "DeleteResourcePolicy": write(sharing_operations.delete_resource_policy),
        "DescribeParameters": read(describe_operations.describe_parameters),
        "GetParameter": read(read_operations.get_parameter),
        "GetParameterHistory": read(read_operations.get_parameter_history),
        "GetParameters": read(read_operations.get_parameters),
        "GetParametersByPath": read(read_operations.get_parameters_by_path),
        "GetResourcePolicies": read(sharing_operations.get_resource_policies),
        "GetServiceSetting": read(setting_operations.get_service_setting),
        "LabelParameterVersion": write(label_operations.label_parameter_version),
        "ListTagsForResource": read(tag_operations.list_tags_for_resource),
        "PutParameter": write(write_operations.put_parameter),
        "PutResourcePolicy": write(sharing_operations.put_resource_policy),
        "RemoveTagsFromResource": write(tag_operations.remove_tags_from_resource),
        "ResetServiceSetting": write(setting_operations.reset_service_setting),
        "UnlabelParameterVersion": write(label_operations.unlabel_parameter_version),
        "UpdateServiceSetting": write(setting_operations.update_service_setting),
    },
    guard=guard.guard,
    jobs={jobs.APPLY_POLICIES: jobs.apply_policies},
)
