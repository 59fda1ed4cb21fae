"""Which KMS key a secret is under, what KMS refuses, and replacing the key of a secret in use."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.api import kms
from holdfast.api import secretsmanager as api
from holdfast.api.base import AccessDeniedException
from holdfast.services.call import Trace
from holdfast.services.secretsmanager.values import SecretValue
from holdfast.testing import Account

from .conftest import House
from .refusals import refused

KMS_DENIED = ("AccessDeniedException", "Access to KMS is not allowed")


@pytest.fixture
def key(keys: Any) -> str:
    """The ARN of a customer key of this test's own."""
    return keys.create_key()["KeyMetadata"]["Arn"]


def shown(secrets: Any, name: str) -> str | None:
    return secrets.describe_secret(SecretId=name).get("KmsKeyId")


def key_of_versions(secrets: Any, name: str) -> dict[str, list[str]]:
    listed = secrets.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]
    return {version["VersionId"]: version["KmsKeyIds"] for version in listed}


def test_the_key_is_told_as_it_was_given(account: Account, secrets: Any, keys: Any, name: str, key: str) -> None:
    alias = f"alias/{name.replace('/', '-')}"
    keys.create_alias(AliasName=alias, TargetKeyId=key)
    alias_arn = f"arn:aws:kms:{account.region}:{account.account}:{alias}"
    for number, given in enumerate((key, key.rpartition("/")[2], alias, alias_arn)):
        each = f"{name}/{number}"
        version = secrets.create_secret(Name=each, SecretString=given, KmsKeyId=given)["VersionId"]
        assert shown(secrets, each) == given
        assert secrets.list_secrets(Filters=[{"Key": "name", "Values": [each]}])["SecretList"][0]["KmsKeyId"] == given
        assert secrets.get_secret_value(SecretId=each)["SecretString"] == given
        assert key_of_versions(secrets, each) == {version: [key]}


def test_the_accounts_own_key_is_not_told(account: Account, secrets: Any, name: str) -> None:
    own = "alias/aws/secretsmanager"
    for number, given in enumerate(("", own, f"arn:aws:kms:{account.region}:{account.account}:{own}")):
        each = f"{name}/{number}"
        version = secrets.create_secret(Name=each, SecretString="x", KmsKeyId=given)["VersionId"]
        assert shown(secrets, each) is None
        assert key_of_versions(secrets, each) == {version: ["DefaultEncryptionKey"]}


def test_a_key_that_does_not_exist(account: Account, secrets: Any, name: str) -> None:
    arn = f"arn:aws:kms:{account.region}:{account.account}:key/11111111-2222-4333-8444-555555555555"
    for value in ({"SecretString": "x"}, {}):
        code, text = refused(secrets.create_secret, Name=name, KmsKeyId=arn, **value)
        assert code == "EncryptionFailure"
        assert text.startswith(
            f"Secrets Manager can't encrypt the secret value: Key '{arn}' does not exist (Service: AWSKMS; "
            "Status Code: 400; Error Code: NotFoundException; Request ID: "
        )
    assert refused(secrets.describe_secret, SecretId=name)[0] == "ResourceNotFoundException"


def test_a_disabled_key(secrets: Any, keys: Any, name: str, key: str) -> None:
    secrets.create_secret(Name=name, SecretString="x", KmsKeyId=key)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "x", "its data key is kept from here"
    keys.disable_key(KeyId=key)
    code, text = refused(secrets.get_secret_value, SecretId=name)
    assert code == "DecryptionFailure"
    assert text.startswith(f"Secrets Manager can't decrypt the secret value: {key} is disabled. (Service: AWSKMS; ")
    assert "Error Code: DisabledException" in text
    for call, arguments in (
        (secrets.put_secret_value, {"SecretId": name, "SecretString": "y"}),
        (secrets.update_secret, {"SecretId": name, "SecretString": "y"}),
        (secrets.update_secret, {"SecretId": name, "KmsKeyId": key}),
        (secrets.create_secret, {"Name": f"{name}x", "KmsKeyId": key}),
    ):
        assert refused(call, **arguments)[0] == "EncryptionFailure"
    batch = secrets.batch_get_secret_value(SecretIdList=[name])
    assert [error["ErrorCode"] for error in batch["Errors"]] == ["DecryptionFailure"]
    keys.enable_key(KeyId=key)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "x"
    assert "LastAccessedDate" in secrets.describe_secret(SecretId=name)


def test_a_key_that_kms_denies(account: Account, secrets: Any, name: str) -> None:
    """Another account's key: its policy lets nobody in from here."""
    foreign = account.server.create_account().client("kms").create_key()["KeyMetadata"]["Arn"]
    for value in ({"SecretString": "x"}, {}):
        assert refused(secrets.create_secret, Name=name, KmsKeyId=foreign, **value) == KMS_DENIED
    secrets.create_secret(Name=name, SecretString="x")
    assert refused(secrets.update_secret, SecretId=name, KmsKeyId=foreign) == KMS_DENIED
    assert shown(secrets, name) is None


def test_replacing_the_key_of_a_secret_in_use(secrets: Any, keys: Any, name: str, key: str) -> None:
    old = key
    new = keys.create_key()["KeyMetadata"]["Arn"]
    deprecated = secrets.create_secret(Name=name, SecretString="0", KmsKeyId=old)["VersionId"]
    previous = secrets.put_secret_value(SecretId=name, SecretString="1")["VersionId"]
    current = secrets.put_secret_value(SecretId=name, SecretBinary=b"2")["VersionId"]
    custom = secrets.put_secret_value(SecretId=name, SecretString="3", VersionStages=["mine"])["VersionId"]
    pending = secrets.put_secret_value(SecretId=name, SecretString="4", VersionStages=["AWSPENDING"])["VersionId"]
    updated = secrets.update_secret(SecretId=name, KmsKeyId=new)
    assert "VersionId" not in updated
    assert shown(secrets, name) == new
    assert key_of_versions(secrets, name) == {
        deprecated: [old],
        custom: [old],
        previous: [new],
        current: [new],
        pending: [new],
    }
    keys.disable_key(KeyId=old)
    assert secrets.get_secret_value(SecretId=name)["SecretBinary"] == b"2"
    assert secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == "1"
    assert secrets.get_secret_value(SecretId=name, VersionStage="AWSPENDING")["SecretString"] == "4"
    assert refused(secrets.get_secret_value, SecretId=name, VersionId=deprecated)[0] == "DecryptionFailure"
    # With a value the former current version is brought along as the previous one, and "" means the account's own key.
    newest = secrets.update_secret(SecretId=name, KmsKeyId="", SecretString="5")["VersionId"]
    assert shown(secrets, name) is None
    keys.disable_key(KeyId=new)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "5"
    assert secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretBinary"] == b"2"
    own = ["DefaultEncryptionKey"]
    assert {v: k for v, k in key_of_versions(secrets, name).items() if k == own} == dict.fromkeys(
        (newest, current, pending), own
    )


def test_an_old_key_that_cannot_be_used_stops_its_replacement(secrets: Any, keys: Any, name: str, key: str) -> None:
    secrets.create_secret(Name=name, SecretString="x", KmsKeyId=key)
    keys.disable_key(KeyId=key)
    assert refused(secrets.update_secret, SecretId=name, KmsKeyId="", Description="d")[0] == "DecryptionFailure"
    assert shown(secrets, name) == key
    assert "Description" not in secrets.describe_secret(SecretId=name)


# -- without a server ---------------------------------------------------------------------------------------------------


def create(house: House, **members: Any) -> str:
    request = api.CreateSecretRequest(Name="s", ClientRequestToken="c" * 32, **members)
    arn = house.call(api.CreateSecret, request).ARN
    assert arn is not None
    return arn


def customer_key(house: House) -> str:
    metadata = house.call(kms.CreateKey, kms.CreateKeyRequest()).KeyMetadata
    assert metadata is not None
    assert metadata.Arn is not None
    return metadata.Arn


def test_the_data_key_is_bound_to_secret_and_version(house: House) -> None:
    key = customer_key(house)
    arn = create(house, SecretString="x", KmsKeyId=key)
    [(blob, stored)] = house.rows("SELECT data_key, kms_key FROM secret_version")
    assert stored == key
    context = {"SecretARN": arn, "SecretVersionId": "c" * 32}
    opened = house.call(kms.Decrypt, kms.DecryptRequest(CiphertextBlob=blob, EncryptionContext=context))
    assert len(opened.Plaintext or b"") == 32
    for wrong in ({**context, "SecretVersionId": "d" * 32}, {"SecretARN": arn}, {}):
        error = house.error(kms.Decrypt, kms.DecryptRequest(CiphertextBlob=blob, EncryptionContext=wrong))
        assert error.code == "InvalidCiphertextException"


def kms_calls(house: House) -> list[tuple[str, str]]:
    """The KMS calls that the last call made, each with the version id of its encryption context."""
    traces = [t for t in house.last_call.traces if isinstance(t, Trace) and t.operation.service == "kms"]
    contexts = [getattr(trace.input, "EncryptionContext", None) or {} for trace in traces]
    assert all(trace.call.via_service == "secretsmanager" for trace in traces)
    return [(t.operation.name, c["SecretVersionId"]) for t, c in zip(traces, contexts, strict=True)]


def test_the_kms_calls_of_each_operation(house: House) -> None:
    key, version, probe = customer_key(house), "c" * 32, "RequestToValidateKeyAccess"
    create(house, SecretString="x", KmsKeyId=key)
    assert kms_calls(house) == [("GenerateDataKey", version)]
    create(house, SecretString="x", KmsKeyId=key)
    assert kms_calls(house) == [("Decrypt", version)]
    house.call(api.GetSecretValue, api.GetSecretValueRequest(SecretId="s"))
    assert kms_calls(house) == [("Decrypt", version)]
    put = api.PutSecretValueRequest(SecretId="s", ClientRequestToken="p" * 32, SecretString="y")
    house.call(api.PutSecretValue, put)
    assert kms_calls(house) == [("GenerateDataKey", "p" * 32)]
    house.call(api.PutSecretValue, put)
    assert kms_calls(house) == [("Decrypt", "p" * 32)]
    house.call(api.UpdateSecret, api.UpdateSecretRequest(SecretId="s", ClientRequestToken="u" * 32, SecretString="z"))
    assert kms_calls(house) == [("GenerateDataKey", "u" * 32)]
    change = api.UpdateSecretRequest(SecretId="s", ClientRequestToken="k" * 32, KmsKeyId=customer_key(house))
    house.call(api.UpdateSecret, change)
    pair = [("GenerateDataKey", probe), ("Decrypt", probe)]
    replaced = [(operation, v) for v in ("u" * 32, "p" * 32) for operation in ("Decrypt", "Encrypt")]
    assert kms_calls(house) == pair + replaced
    # The same key again is tried, and there is nothing to re-encrypt.
    house.call(api.UpdateSecret, change)
    assert kms_calls(house) == pair
    request = api.CreateSecretRequest(Name="empty", ClientRequestToken="e" * 32, KmsKeyId=key)
    house.call(api.CreateSecret, request)
    assert kms_calls(house) == pair
    house.call(api.CreateSecret, api.CreateSecretRequest(Name="bare", ClientRequestToken="e" * 32))
    assert kms_calls(house) == []


def test_who_may_not_encrypt_leaves_existing_versions_where_they_are(house: House) -> None:
    """Policies that could deny kms:Encrypt alone come later, so KMS's answer is put in its place."""

    def deny(call: object, value: object) -> None:
        raise AccessDeniedException("User is not authorized to perform: kms:Encrypt")

    old, new = customer_key(house), customer_key(house)
    create(house, SecretString="x", KmsKeyId=old)
    house.instead["Encrypt"] = deny
    house.call(api.UpdateSecret, api.UpdateSecretRequest(SecretId="s", ClientRequestToken="k" * 32, KmsKeyId=new))
    assert house.rows("SELECT kms_key FROM secret_version") == [(old,)]
    house.call(
        api.PutSecretValue, api.PutSecretValueRequest(SecretId="s", ClientRequestToken="p" * 32, SecretString="y")
    )
    assert sorted(house.rows("SELECT kms_key FROM secret_version")) == sorted([(old,), (new,)])
    assert house.call(api.DescribeSecret, api.DescribeSecretRequest(SecretId="s")).KmsKeyId == new


def test_who_may_not_decrypt(house: House) -> None:
    def deny(call: object, value: object) -> None:
        raise AccessDeniedException("User is not authorized to perform: kms:Decrypt")

    create(house, SecretString="x")
    house.instead["Decrypt"] = deny
    error = house.error(api.GetSecretValue, api.GetSecretValueRequest(SecretId="s"))
    assert (error.code, error.message) == KMS_DENIED
    repeated = api.CreateSecretRequest(Name="s", ClientRequestToken="c" * 32, SecretString="x")
    assert house.error(api.CreateSecret, repeated).message == KMS_DENIED[1]
    put = api.PutSecretValueRequest(SecretId="s", ClientRequestToken="c" * 32, SecretString="x")
    assert house.error(api.PutSecretValue, put).message == KMS_DENIED[1]


def test_a_ciphertext_opens_in_its_own_row_only(house: House) -> None:
    create(house, SecretString="x")
    house.call(
        api.PutSecretValue, api.PutSecretValueRequest(SecretId="s", ClientRequestToken="p" * 32, SecretString="y")
    )
    rows = dict(house.rows("SELECT version_id, value_sealed FROM secret_version"))
    house.execute("UPDATE secret_version SET value_sealed = ? WHERE version_id = ?", rows["c" * 32], "p" * 32)
    error = house.error(api.GetSecretValue, api.GetSecretValueRequest(SecretId="s"))
    assert (error.code, error.message) == ("DecryptionFailure", "Secrets Manager can't decrypt the secret value.")
    # A whole row that was copied carries its own data key, which KMS does not open for another version.
    [(data_key,)] = house.rows("SELECT data_key FROM secret_version WHERE version_id = ?", "c" * 32)
    house.execute("UPDATE secret_version SET data_key = ? WHERE version_id = ?", data_key, "p" * 32)
    error = house.error(api.GetSecretValue, api.GetSecretValueRequest(SecretId="s"))
    assert error.code == "DecryptionFailure"
    assert "null (Service: AWSKMS; Status Code: 400; Error Code: InvalidCiphertextException; " in (error.message or "")


def test_a_value_shows_itself_nowhere() -> None:
    value = SecretValue("string", b"hunter2")
    assert "hunter2" not in repr(value)
    assert value.equals(SecretValue("string", b"hunter2"))
    assert not value.equals(SecretValue("binary", b"hunter2"))
