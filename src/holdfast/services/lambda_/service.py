"""What Lambda answers."""

from __future__ import annotations

from holdfast.api import lambda_ as api
from holdfast.services.lambda_ import (
    alias_operations,
    event_jobs,
    function_operations,
    invoke_operations,
    permission_operations,
    tag_operations,
    update_operations,
    version_operations,
)
from holdfast.services.service import Exemptions, Service, read, waiting, write
from holdfast.work.due import Retry

LIMITS: Exemptions = {"Timeout": ("maximum",), "MemorySize": ("maximum",)}
"""The model's are those of every kind of function there is; `rules.check_limits` has those of ours."""

SERVICE = Service(
    api=api.API,
    operations={
        "AddPermission": write(permission_operations.add_permission),
        "CreateAlias": write(alias_operations.create_alias),
        "CreateFunction": write(function_operations.create_function, exempt=LIMITS),
        "DeleteAlias": write(alias_operations.delete_alias),
        "DeleteFunction": write(function_operations.delete_function),
        "DeleteFunctionConcurrency": write(tag_operations.delete_function_concurrency),
        "GetAlias": read(alias_operations.get_alias),
        "GetFunction": read(function_operations.get_function),
        "GetFunctionCodeSigningConfig": read(tag_operations.get_function_code_signing_config),
        "GetFunctionConcurrency": read(tag_operations.get_function_concurrency),
        "GetFunctionConfiguration": read(function_operations.get_function_configuration),
        "GetPolicy": read(permission_operations.get_policy),
        "Invoke": waiting(invoke_operations.invoke),
        "ListAliases": read(alias_operations.list_aliases),
        "ListFunctions": read(function_operations.list_functions),
        "ListTags": read(tag_operations.list_tags),
        "ListVersionsByFunction": read(version_operations.list_versions_by_function),
        "PublishVersion": write(version_operations.publish_version),
        "PutFunctionConcurrency": write(tag_operations.put_function_concurrency),
        "RemovePermission": write(permission_operations.remove_permission),
        "TagResource": write(tag_operations.tag_resource),
        "UntagResource": write(tag_operations.untag_resource),
        "UpdateAlias": write(alias_operations.update_alias),
        "UpdateFunctionCode": write(update_operations.update_function_code),
        "UpdateFunctionConfiguration": write(update_operations.update_function_configuration, exempt=LIMITS),
    },
    jobs={event_jobs.RUN: event_jobs.run_event},
    effects={event_jobs.RUN: Retry(attempts=0)},
    invocations=(event_jobs.RUN,),
)
