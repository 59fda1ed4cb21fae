"""ListJobs, GetJob, RetryJob: what is due, what runs, and what failed for good.

The operator sees the jobs of every account, anybody else those of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.access.principal import PrincipalKind
from holdfast.api import holdfast as api
from holdfast.api.base import ValidationException
from holdfast.services.holdfast import job_records
from holdfast.services.paging import BadToken, next_token, position_of
from holdfast.work.due import DEAD, RUNNING, WAITING, DueJob, write_job

if TYPE_CHECKING:
    from holdfast.services.call import Call

PAGE = 100
FIRST, LAST = "", "~"
STATES = (WAITING, RUNNING, DEAD)


def _visible(call: Call) -> str:
    return "" if call.principal.kind is PrincipalKind.OPERATOR else call.account


def _find(call: Call, identity: str | None) -> DueJob:
    job = job_records.read(call.tx, identity or "")
    if job is None or _visible(call) not in ("", job.account):
        raise api.JobNotFoundException("There is no job with this id: it is done, or was replaced by another.")
    return job


def _shown(job: DueJob) -> api.Job:
    return api.Job(
        Id=job.identity,
        Kind=job.kind,
        Account=job.account,
        Region=job.region,
        Subject=job.subject,
        Due=job.due / 1000,
        State=job.state,
        Attempts=job.attempts,
        LastError=job.last_error or None,
    )


def list_jobs(call: Call, value: api.ListJobsRequest) -> api.ListJobsResponse:
    """A page of jobs: dead ones first, then those that run, then those that wait, each by the moment they are due."""
    call.authorize("holdfast:ListJobs", "*")
    if value.State is not None and value.State not in STATES:
        raise ValidationException(f"State must be one of {', '.join(STATES)}.")
    scope = [call.account, value.State or ""]
    after = _after(call, scope, value)
    limit = value.MaxResults or PAGE
    jobs = job_records.listed(call.tx, after, value.State or LAST, _visible(call), limit + 1)
    page = jobs[:limit]
    token = None
    if len(jobs) > limit:
        token = next_token(call, "ListJobs", scope, [page[-1].state, page[-1].due, page[-1].identity])
    return api.ListJobsResponse(Jobs=[_shown(job) for job in page], NextToken=token)


def _after(call: Call, scope: list[str], value: api.ListJobsRequest) -> job_records.Position:
    if value.NextToken is None:
        return value.State or FIRST, -1, ""
    try:
        state, due, identity = position_of(call, "ListJobs", scope, value.NextToken)
    except BadToken:
        raise ValidationException("The NextToken is not one of this listing.") from None
    return state, due, identity


def get_job(call: Call, value: api.GetJobRequest) -> api.GetJobResponse:
    """One job with its payload, which holds names and ids."""
    call.authorize("holdfast:GetJob", "*")
    job = _find(call, value.Id)
    return api.GetJobResponse(Job=_shown(job), Payload={name: str(member) for name, member in job.payload.items()})


def retry_job(call: Call, value: api.RetryJobRequest) -> api.RetryJobResponse:
    """Have a dead or failed job tried again now, with all its attempts. NothingToDoException when it has not failed."""
    call.authorize("holdfast:RetryJob", "*")
    job = _find(call, value.Id)
    if job.state == RUNNING or not job.attempts:
        raise api.NothingToDoException(f"The job is {job.state} and has not failed.")
    again = DueJob(
        job.kind, job.account, job.region, job.subject, call.now, job.payload, 0, job.last_error, job.identity, job.lane
    )
    write_job(call.tx, again)
    call.surroundings.job_scheduled()
    return api.RetryJobResponse(Job=_shown(again))
