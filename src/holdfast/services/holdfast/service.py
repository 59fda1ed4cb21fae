"""What our own service answers."""

from __future__ import annotations

from holdfast.api import holdfast as api
from holdfast.services.holdfast import (
    audit_operations,
    delivery_operations,
    diagnoses,
    explanations,
    job_operations,
    operations,
    question_operations,
    who_can,
)
from holdfast.services.holdfast.rotation_operations import of_secrets_manager
from holdfast.services.outbox.retention import REMOVE_OLD, remove_old
from holdfast.services.service import Service, read, waiting, write

SERVICE = Service(
    api=api.API,
    operations={
        "AbandonRotation": write(of_secrets_manager("AbandonRotation")),
        "AdvanceClock": waiting(operations.advance_clock),
        "Can": read(question_operations.can),
        "CreateAccount": write(operations.create_account),
        "DiagnoseSignature": read(diagnoses.diagnose_signature),
        "Explain": waiting(explanations.explain),
        "ForecastRotations": read(of_secrets_manager("ForecastRotations")),
        "GetClock": read(operations.get_clock),
        "GetEnvironment": read(operations.get_environment),
        "GetJob": read(job_operations.get_job),
        "GetStatus": read(operations.get_status),
        "ListAccounts": read(operations.list_accounts),
        "ListDeliveries": read(delivery_operations.list_deliveries),
        "ListJobs": read(job_operations.list_jobs),
        "ReadAudit": waiting(audit_operations.read_audit),
        "Redeliver": write(delivery_operations.redeliver),
        "RehearseRotation": waiting(of_secrets_manager("RehearseRotation")),
        "RetryJob": write(job_operations.retry_job),
        "RetryRotation": write(of_secrets_manager("RetryRotation")),
        "RollBackRotation": write(of_secrets_manager("RollBackRotation")),
        "SearchAudit": waiting(audit_operations.search_audit),
        "ShowDelivery": read(delivery_operations.show_delivery),
        "ShowRotation": read(of_secrets_manager("ShowRotation")),
        "VerifyAudit": waiting(audit_operations.verify_audit),
        "WhoCan": waiting(who_can.who_can),
    },
    jobs={REMOVE_OLD: remove_old},
    roles={REMOVE_OLD: "AWSServiceRoleForHoldfastDeliveries"},
    notes={diagnoses.SIGNATURE_FAILED: diagnoses.write_failure},
)
