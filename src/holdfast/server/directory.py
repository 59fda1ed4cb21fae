"""Which services there are, and where to find one from what a request says.

A service's modules are imported when it is first called: start-up pays for none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from holdfast.api.base import Operation
from holdfast.services.service import Served, Service, not_implemented
from holdfast.wire.rest_routes import RestRoutes


@dataclass(frozen=True, slots=True)
class Entry:
    """What must be known of a service before it is loaded."""

    name: str
    """Our name: the folder under services/, the module under api/."""
    signing_name: str
    target_prefix: str = ""
    query_version: str = ""
    links: tuple[str, ...] = ()
    """Operations of the Query protocol that are links, which name no version."""
    rest: bool = False
    """Its operations are named by method and path."""
    message_member: str = "message"
    """The JSON member in which the service spells an error's text where its model does not say."""


ENTRIES = (
    Entry("secretsmanager", "secretsmanager", target_prefix="secretsmanager", message_member="Message"),
    Entry("ssm", "ssm", target_prefix="AmazonSSM"),
    Entry("kms", "kms", target_prefix="TrentService"),
    Entry("sts", "sts", query_version="2011-06-15"),
    Entry("iam", "iam", query_version="2010-05-08"),
    Entry("cloudtrail", "cloudtrail", target_prefix="com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"),
    Entry("lambda_", "lambda", rest=True),
    Entry("events", "events", target_prefix="AWSEvents"),
    Entry("sns", "sns", query_version="2010-03-31", links=("ConfirmSubscription", "Unsubscribe")),
    Entry("holdfast", "holdfast", target_prefix="Holdfast"),
)


class Directory:
    """Finds services; loads each once."""

    def __init__(self) -> None:
        self._by_prefix = {e.target_prefix: e for e in ENTRIES if e.target_prefix}
        self._by_version = {e.query_version: e for e in ENTRIES if e.query_version}
        self._by_link = {name: e for e in ENTRIES for name in e.links}
        self._by_name = {e.name: e for e in ENTRIES}
        self._services: dict[str, Service] = {}
        self._routes: dict[str, RestRoutes] = {}

    def by_target_prefix(self, prefix: str) -> Entry | None:
        """The service that answers `X-Amz-Target: <prefix>.<Operation>`."""
        return self._by_prefix.get(prefix)

    def by_query_version(self, version: str, operation: str) -> Entry | None:
        """The service that answers `Version=<version>` on the Query protocol, each having its own; or a link without."""
        return self._by_version.get(version) if version else self._by_link.get(operation)

    def by_path(self, method: str, target: str, signing_name: str) -> Operation[Any, Any] | None:
        """The operation that a method and a path name; of services with like paths, the one that it was signed for."""
        services = [entry for entry in ENTRIES if entry.rest]
        for entry in [e for e in services if e.signing_name == signing_name] or services:
            routes = self._routes.get(entry.name)
            if routes is None:
                routes = self._routes[entry.name] = RestRoutes(self.service(entry.name).api)
            found = routes.find(method, target)
            if found is not None:
                return found
        return None

    def service(self, name: str) -> Service:
        """A service by our name, loaded now if it was not."""
        found = self._services.get(name)
        if found is None:
            found = self._services[name] = import_module(
                f"holdfast.services.{self._by_name[name].name}.service"
            ).SERVICE
        return found

    def served(self, operation: Operation[Any, Any]) -> Served:
        """How an operation is served; raises NotImplementedException, which names it."""
        served = self.service(operation.service).operations.get(operation.name)
        if served is None:
            raise not_implemented(operation)
        return served

    def names(self) -> list[str]:
        """Every service."""
        return list(self._by_name)
