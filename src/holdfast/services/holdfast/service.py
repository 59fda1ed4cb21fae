"""What our own service answers."""

from __future__ import annotations

from holdfast.api import holdfast as api
from holdfast.services.holdfast import (
    audit_operations,
    diagnoses,
    explanations,
    operations,
    question_operations,
    who_can,
)
from holdfast.services.service import Service, read, waiting, write

SERVICE = Service(
    api=api.API,
    operations={
        "AdvanceClock": waiting(operations.advance_clock),
        "Can": read(question_operations.can),
        "CreateAccount": write(operations.create_account),
        "DiagnoseSignature": read(diagnoses.diagnose_signature),
        "Explain": waiting(explanations.explain),
        "GetClock": read(operations.get_clock),
        "GetEnvironment": read(operations.get_environment),
        "GetStatus": read(operations.get_status),
        "ListAccounts": read(operations.list_accounts),
        "ReadAudit": waiting(audit_operations.read_audit),
        "SearchAudit": waiting(audit_operations.search_audit),
        "VerifyAudit": waiting(audit_operations.verify_audit),
        "WhoCan": waiting(who_can.who_can),
    },
    notes={diagnoses.SIGNATURE_FAILED: diagnoses.write_failure},
)
