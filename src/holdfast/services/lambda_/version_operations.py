"""PublishVersion, ListVersionsByFunction."""

from __future__ import annotations

from holdfast.api import lambda_ as api
from holdfast.services.call import Call
from holdfast.services.lambda_ import records
from holdfast.services.lambda_.configurations import shown
from holdfast.services.lambda_.finding import check_revision, find, find_version, refer
from holdfast.services.lambda_.pages import begin, end
from holdfast.services.lambda_.records import Version
from holdfast.services.lambda_.rules import absent_parameter


def publish(call: Call, latest: Version, description: str) -> Version:
    """A new version with what `$LATEST` is; the newest one again when nothing has changed since it was published.

    "Lambda doesn't publish a version if the function's configuration and code haven't changed since the last version."
    """
    function = records.read_function(call.tx, latest.key)
    assert function is not None
    environment = records.open_environment(call.vault, latest)
    newest = records.read_version(call.tx, latest.key, function.newest_version) if function.newest_version else None
    if newest is not None and _same(newest, latest) and records.open_environment(call.vault, newest) == environment:
        return newest
    number = function.newest_version + 1
    version = latest._replace(
        version=number,
        description=description,
        last_modified=call.now,
        revision_id=call.randomness.uuid4(),
        environment_sealed=records.seal_environment(call.vault, latest.key, number, environment)
        if environment
        else None,
    )
    records.insert_version(call.tx, version)
    call.tx.run(records.WRITE_NEWEST, number, *latest.key)
    return version


def _same(one: Version, other: Version) -> bool:
    neutral = {"version": 0, "description": "", "last_modified": 0, "revision_id": "", "environment_sealed": None}
    return one._replace(**neutral) == other._replace(**neutral)


def publish_version(call: Call, value: api.PublishVersionRequest) -> api.FunctionConfiguration:
    where = refer(call, value.FunctionName)._replace(qualifier="")
    _, latest = find_version(call, where, "lambda:PublishVersion")
    if value.PublishTo is not None:
        raise absent_parameter("PublishVersion", "PublishTo")
    if value.CodeSha256 is not None and value.CodeSha256 != latest.code_sha256:
        raise api.InvalidParameterValueException(
            f"CodeSHA256 ({value.CodeSha256}) is different from current CodeSHA256 in $LATEST ({latest.code_sha256}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
    check_revision(value.RevisionId, latest.revision_id)
    return shown(call, publish(call, latest, value.Description or latest.description), qualified=True)


def list_versions_by_function(
    call: Call, value: api.ListVersionsByFunctionRequest
) -> api.ListVersionsByFunctionResponse:
    """`$LATEST` first, then the published versions."""
    where = refer(call, value.FunctionName)._replace(qualifier="")
    find(call, where, "lambda:ListVersionsByFunction")
    size, position = begin(call, "ListVersionsByFunction", where.name, value.Marker, value.MaxItems)
    rows = call.tx.all(records.LIST_VERSIONS, *where.key, *(position or [-1]), size + 1)
    versions = [Version(*row) for row in rows[:size]]
    marker = None
    if len(rows) > size:
        marker = end(call, "ListVersionsByFunction", where.name, [versions[-1].version])
    return api.ListVersionsByFunctionResponse(
        Versions=[shown(call, version, qualified=True) for version in versions], NextMarker=marker
    )
