"""What CloudTrail answers."""

from __future__ import annotations

from holdfast.api import cloudtrail as api
from holdfast.services.cloudtrail import denials, jobs, operations
from holdfast.services.service import Service, waiting

SERVICE = Service(
    api=api.API,
    operations={
        "LookupEvents": waiting(
            operations.lookup_events,
            exempt={
                "MaxResults": ("minimum", "maximum"),
                "EventCategory": ("enum",),
                "LookupAttributes.AttributeKey": ("enum",),
                "LookupAttributes.AttributeValue": ("minimum", "maximum"),
            },
        ),
    },
    jobs={jobs.REMOVE: jobs.remove_expired},
    notes={denials.DENIAL: denials.write_denial},
)
