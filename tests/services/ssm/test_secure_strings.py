"""SecureString: encrypted by KMS as the caller, and what happens when KMS refuses."""

from __future__ import annotations

import base64
from typing import Any

from holdfast.testing import Account

from .refusals import refused


def get(ssm: Any, name: str, decrypt: bool = True) -> str:
    return ssm.get_parameter(Name=name, WithDecryption=decrypt)["Parameter"]["Value"]


def key_of(ssm: Any, name: str) -> str:
    return ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"][0]["KeyId"]


def test_the_ciphertext_is_a_kms_blob_with_the_context(holdfast: Account, ssm: Any, kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]
    ssm.put_parameter(Name="/a/s", Value="täglich", Type="SecureString", KeyId=key["KeyId"])
    text = get(ssm, "/a/s", decrypt=False)
    assert text.startswith("AQICAH")
    arn = f"arn:aws:ssm:{holdfast.region}:{holdfast.account}:parameter/a/s"
    opened = kms.decrypt(CiphertextBlob=base64.b64decode(text), EncryptionContext={"PARAMETER_ARN": arn})
    assert opened["Plaintext"].decode() == "täglich" == get(ssm, "/a/s")
    assert opened["KeyId"] == key["Arn"]
    for wrong in ({}, {"PARAMETER_ARN": arn + "x"}):
        code, _ = refused(kms.decrypt, CiphertextBlob=base64.b64decode(text), EncryptionContext=wrong)
        assert code == "InvalidCiphertextException"


def test_the_managed_key_serves_parameter_store_only(holdfast: Account, ssm: Any, kms: Any) -> None:
    ssm.put_parameter(Name="s", Value="v", Type="SecureString")
    managed = kms.describe_key(KeyId="alias/aws/ssm")["KeyMetadata"]
    assert managed["KeyManager"] == "AWS"
    arn = f"arn:aws:ssm:{holdfast.region}:{holdfast.account}:parameter/s"
    blob = base64.b64decode(get(ssm, "s", decrypt=False))
    code, _ = refused(kms.decrypt, CiphertextBlob=blob, EncryptionContext={"PARAMETER_ARN": arn})
    assert code == "AccessDeniedException"
    assert get(ssm, "s") == "v"


def test_decryption_matters_to_secure_strings_only(ssm: Any) -> None:
    ssm.put_parameter(Name="t", Value="a,b", Type="StringList")
    assert get(ssm, "t", decrypt=False) == get(ssm, "t", decrypt=True) == "a,b"


def test_the_key_is_told_as_it_was_named(holdfast: Account, ssm: Any, kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/mine", TargetKeyId=key["KeyId"])
    ssm.put_parameter(Name="d", Value="1", Type="SecureString")
    assert key_of(ssm, "d") == "alias/aws/ssm"
    for number, name in enumerate((key["KeyId"], key["Arn"], "alias/mine")):
        ssm.put_parameter(Name=f"k{number}", Value="1", Type="SecureString", KeyId=name)
        assert key_of(ssm, f"k{number}") == name
        blob = base64.b64decode(get(ssm, f"k{number}", decrypt=False))
        context = {"PARAMETER_ARN": f"arn:aws:ssm:{holdfast.region}:{holdfast.account}:parameter/k{number}"}
        assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["KeyId"] == key["Arn"]
    ssm.put_parameter(Name="t", Value="1", Type="String")
    assert "KeyId" not in ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": ["t"]}])["Parameters"][0]


def test_versions_keep_their_own_key(ssm: Any, kms: Any) -> None:
    one, two = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    ssm.put_parameter(Name="s", Value="first", Type="SecureString", KeyId=one)
    ssm.put_parameter(Name="s", Value="second", Overwrite=True, KeyId=two)
    ssm.put_parameter(Name="s", Value="third", Overwrite=True)
    history = ssm.get_parameter_history(Name="s", WithDecryption=True)["Parameters"]
    assert [(v["Value"], v["KeyId"]) for v in history] == [("first", one), ("second", two), ("third", two)]
    kms.disable_key(KeyId=one)
    assert get(ssm, "s:2") == "second"
    code, text = refused(ssm.get_parameter, Name="s:1", WithDecryption=True)
    assert code == "InvalidKeyId"
    assert f"key/{one} is disabled. (Service: AWSKMS; Status Code: 400; Error Code: DisabledException;" in text
    assert get(ssm, "s:1", decrypt=False), "the ciphertext itself needs no key"


def test_keys_that_cannot_be_used(holdfast: Account, ssm: Any, kms: Any) -> None:
    arn = f"arn:aws:kms:{holdfast.region}:{holdfast.account}"

    def put(key: str) -> tuple[str, str]:
        return refused(ssm.put_parameter, Name="s", Value="v", Type="SecureString", KeyId=key)

    missing = "00000000-0000-4000-8000-000000000000"
    code, text = put(missing)
    assert code == "InvalidKeyId"
    assert text.startswith(f"Key '{arn}:key/{missing}' does not exist (Service: AWSKMS; Status Code: 400; ")
    assert "Error Code: NotFoundException; Request ID: " in text
    assert put("alias/nothing")[0] == "InvalidKeyId"
    assert "alias/nothing is not found." in put("alias/nothing")[1]
    assert put("nonsense")[0] == "InvalidKeyId"
    pending = kms.create_key()["KeyMetadata"]
    kms.schedule_key_deletion(KeyId=pending["KeyId"])
    code, text = put(pending["KeyId"])
    assert code == "InvalidKeyId"
    assert text.startswith(
        f"{pending['Arn']} is pending deletion. (Service: AWSKMS; Status Code: 400; Error Code: KMSInvali"
    )
    assert refused(ssm.put_parameter, Name="s", Value="v", Type="SecureString", KeyId="a b")[0] == "ValidationException"
    assert ssm.describe_parameters()["Parameters"] == [], "nothing was stored"


def test_a_refusal_of_kms_fails_the_whole_call(ssm: Any, kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    ssm.put_parameter(Name="/p/a", Value="1", Type="SecureString", KeyId=key)
    ssm.put_parameter(Name="/p/b", Value="2", Type="SecureString")
    kms.disable_key(KeyId=key)
    assert refused(ssm.get_parameters, Names=["/p/a", "/p/b"], WithDecryption=True)[0] == "InvalidKeyId"
    assert refused(ssm.get_parameters_by_path, Path="/p", WithDecryption=True)[0] == "InvalidKeyId"
    assert refused(ssm.get_parameter_history, Name="/p/a", WithDecryption=True)[0] == "InvalidKeyId"
    assert len(ssm.get_parameters(Names=["/p/a", "/p/b"])["Parameters"]) == 2
    kms.enable_key(KeyId=key)
    found = ssm.get_parameters(Names=["/p/b", "/p/a"], WithDecryption=True)["Parameters"]
    assert [p["Value"] for p in found] == ["1", "2"]


def test_an_alias_may_move(ssm: Any, kms: Any) -> None:
    old, new = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    kms.create_alias(AliasName="alias/moving", TargetKeyId=old)
    ssm.put_parameter(Name="s", Value="1", Type="SecureString", KeyId="alias/moving")
    kms.update_alias(AliasName="alias/moving", TargetKeyId=new)
    assert get(ssm, "s") == "1"
    kms.disable_key(KeyId=old)
    assert refused(ssm.get_parameter, Name="s", WithDecryption=True)[0] == "InvalidKeyId"


def test_a_deleted_key_takes_the_value_with_it(holdfast_server: Any) -> None:
    ssm, kms = holdfast_server.client("ssm"), holdfast_server.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    ssm.put_parameter(Name="s", Value="1", Type="SecureString", KeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    holdfast_server.advance(days=8)
    code, text = refused(ssm.get_parameter, Name="s", WithDecryption=True)
    assert code == "AccessDeniedException"
    assert "(Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException; Request ID: " in text
    assert get(ssm, "s", decrypt=False)
