"""Every column that holds ciphertext, in one place.

Re-key, backup verification and drills walk this list, and a test compares it with the schema. The vault refuses to seal
for a column that is not here, so a ciphertext that nobody re-keys cannot come to be.

To add one: a constant, and a line in REGISTRY. Table, column and purpose go into every ciphertext (see `sealing`), so a
name changed later needs a migration that re-seals.
"""

from __future__ import annotations

from holdfast.vault.sealing import Form, SealedColumn

ROOT_VERIFIER = SealedColumn("store_metadata", "value", "root-verifier", Form.ROOT, ("name",))
"""The row named `root_verifier` only: it tells a wrong root key from a damaged store at start-up."""

ACCESS_KEY_SECRET = SealedColumn("access_key", "secret_sealed", "access-key-secret", Form.ROOT, ("access_key_id",))

KMS_KEY_MATERIAL = SealedColumn(
    "kms_key_material",
    "material_sealed",
    "kms-key-material",
    Form.ROOT,
    ("account", "region", "key_id", "material_id"),
)

SECRET_VALUE = SealedColumn(
    "secret_version", "value_sealed", "secret-value", Form.DATA_KEY, ("secret_id", "version_id")
)

SECRET_DATA_KEY = SealedColumn("secret_version", "data_key", "secret-value", Form.KMS, ("secret_id", "version_id"))
"""Bound to its row by the encryption context SecretARN, SecretVersionId."""

PARAMETER_VALUE = SealedColumn(
    "parameter_version", "value_sealed", "parameter-value", Form.ROOT, ("account", "region", "path", "version")
)
"""A String or StringList: AWS makes no KMS call for one."""

PARAMETER_ENCRYPTED_VALUE = SealedColumn(
    "parameter_version",
    "value_encrypted",
    "parameter-encrypted-value",
    Form.KMS,
    ("account", "region", "path", "version"),
)
"""A SecureString: in the standard tier a blob of KMS, in the advanced tier a message of the AWS Encryption SDK, whose data
key is one (vault/encryption_sdk.py). Bound to its parameter by the encryption context PARAMETER_ARN."""

FUNCTION_CODE = SealedColumn(
    "lambda_code", "zip_sealed", "function-code", Form.ROOT, ("account", "region", "name", "code_sha256")
)
FUNCTION_ENVIRONMENT = SealedColumn(
    "lambda_version", "environment_sealed", "function-environment", Form.ROOT, ("account", "region", "name", "version")
)
FUNCTION_EVENT = SealedColumn("lambda_event", "payload_sealed", "function-event", Form.ROOT, ("event_id",))
"""What a function is to be invoked with, and its client context."""

DELIVERY_BODY = SealedColumn("delivery", "body_sealed", "delivery-body", Form.ROOT, ("delivery_id",))
"""An event or message on its way to one destination."""

SUBSCRIPTION_ENDPOINT = SealedColumn(
    "sns_subscription",
    "endpoint_sealed",
    "subscription-endpoint",
    Form.ROOT,
    ("account", "region", "name", "subscription_id"),
)
"""An address with a password in it."""

FAN_OUT_MESSAGE = SealedColumn("sns_fan_out", "message_sealed", "fan-out-message", Form.ROOT, ("message_id",))
"""A message on its way to the many subscriptions of a topic."""

SIGNING_KEY = SealedColumn("sns_signing_key", "key_sealed", "message-signing-key", Form.ROOT, ("region", "key_id"))
"""The private key that notifications are signed with, PKCS #8."""
CONNECTION_PARAMETERS = SealedColumn(
    "event_connection", "parameters_sealed", "connection-parameters", Form.ROOT, ("account", "region", "name")
)
"""What an EventBridge connection authorizes itself with."""

AUDIT_STATEMENT = SealedColumn("audit_head", "statement_sealed", "audit-chain", Form.ROOT, ("chain", "kind"))
"""Where an audit chain begins, ends and was cut by retention (vault/chain.py). `DIR/audit.heads` holds copies."""

REGISTRY: tuple[SealedColumn, ...] = (
    ROOT_VERIFIER,
    ACCESS_KEY_SECRET,
    KMS_KEY_MATERIAL,
    SECRET_VALUE,
    SECRET_DATA_KEY,
    PARAMETER_VALUE,
    PARAMETER_ENCRYPTED_VALUE,
    FUNCTION_CODE,
    FUNCTION_ENVIRONMENT,
    FUNCTION_EVENT,
    DELIVERY_BODY,
    SUBSCRIPTION_ENDPOINT,
    FAN_OUT_MESSAGE,
    SIGNING_KEY,
    CONNECTION_PARAMETERS,
    AUDIT_STATEMENT,
)
