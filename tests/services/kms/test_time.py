"""What keys do by themselves, on a server whose clock moves: deletion and rotation."""

from __future__ import annotations

from datetime import timedelta

from holdfast.testing import Server

from .refusals import refused


def test_a_key_is_deleted_when_its_waiting_period_is_over(holdfast_server: Server) -> None:
    kms = holdfast_server.client("kms")
    key = kms.create_key(Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]
    kept = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/gone", TargetKeyId=key["KeyId"])
    kms.create_alias(AliasName="alias/kept", TargetKeyId=kept)
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    due = kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)["DeletionDate"]
    holdfast_server.advance(due - holdfast_server.now() - timedelta(minutes=1))
    assert kms.describe_key(KeyId="alias/gone")["KeyMetadata"]["KeyState"] == "PendingDeletion"
    holdfast_server.advance(minutes=2)
    gone = ("NotFoundException", f"Key '{key['Arn']}' does not exist")
    assert refused(kms.describe_key, KeyId=key["Arn"]) == gone
    assert refused(kms.cancel_key_deletion, KeyId=key["KeyId"]) == gone
    assert refused(kms.list_resource_tags, KeyId=key["KeyId"]) == gone
    code, text = refused(kms.decrypt, CiphertextBlob=blob)
    assert code == "AccessDeniedException"
    assert "on the resource associated with this ciphertext because the resource does not exist" in text
    assert refused(kms.decrypt, CiphertextBlob=blob, KeyId=key["KeyId"]) == gone
    assert refused(kms.encrypt, KeyId="alias/gone", Plaintext=b"x")[0] == "NotFoundException"
    # Its name is free again.
    kms.create_alias(AliasName="alias/gone", TargetKeyId=kept)
    assert [entry["KeyId"] for entry in kms.list_keys()["Keys"]] == [kept]


def test_a_cancelled_deletion_never_happens(holdfast_server: Server) -> None:
    kms = holdfast_server.client("kms")
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    holdfast_server.advance(days=6)
    kms.cancel_key_deletion(KeyId=key_id)
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=30)
    holdfast_server.advance(days=29)
    kms.cancel_key_deletion(KeyId=key_id)
    holdfast_server.advance(days=100)
    kms.enable_key(KeyId=key_id)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_automatic_rotation(holdfast_server: Server) -> None:
    kms = holdfast_server.client("kms")
    key = kms.create_key()["KeyMetadata"]
    key_id, first = key["KeyId"], key["CurrentKeyMaterialId"]
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is False
    old = kms.encrypt(KeyId=key_id, Plaintext=b"old")["CiphertextBlob"]
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    status = kms.get_key_rotation_status(KeyId=key_id)
    assert status["KeyRotationEnabled"] is True
    assert status["KeyId"] == key["Arn"]
    assert status["RotationPeriodInDays"] == 90
    due = status["NextRotationDate"]
    assert abs(due - holdfast_server.now() - timedelta(days=90)) < timedelta(minutes=5)
    holdfast_server.advance(days=89)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"] == first
    holdfast_server.advance(days=2)
    second = kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert second != first
    new = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256")
    assert new["KeyMaterialId"] == second
    opened = kms.decrypt(CiphertextBlob=old)
    assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"old", first)
    opened = kms.decrypt(CiphertextBlob=old, KeyId=key_id)
    assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"old", first)
    assert kms.decrypt(CiphertextBlob=new["CiphertextBlob"])["Plaintext"] == new["Plaintext"]
    moved = kms.re_encrypt(CiphertextBlob=old, DestinationKeyId=key_id)
    assert (moved["SourceKeyMaterialId"], moved["DestinationKeyMaterialId"]) == (first, second)
    [rotation] = kms.list_key_rotations(KeyId=key_id)["Rotations"]
    assert rotation["RotationType"] == "AUTOMATIC"
    assert rotation["KeyMaterialId"] == second
    assert rotation["KeyMaterialState"] == "CURRENT"
    assert timedelta() <= rotation["RotationDate"] - due < timedelta(days=1)
    assert kms.get_key_rotation_status(KeyId=key_id)["NextRotationDate"] == due + timedelta(days=90)
    kms.disable_key_rotation(KeyId=key_id)
    holdfast_server.advance(days=1000)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"] == second


def test_a_disabled_key_rotates_when_it_is_enabled_again(holdfast_server: Server) -> None:
    kms = holdfast_server.client("kms")
    key = kms.create_key()["KeyMetadata"]
    key_id, first = key["KeyId"], key["CurrentKeyMaterialId"]
    kms.enable_key_rotation(KeyId=key_id)
    assert kms.get_key_rotation_status(KeyId=key_id)["RotationPeriodInDays"] == 365
    kms.disable_key(KeyId=key_id)
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is True
    holdfast_server.advance(days=800)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"] == first
    kms.enable_key(KeyId=key_id)
    holdfast_server.advance(minutes=1)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"] != first
    assert len(kms.list_key_rotations(KeyId=key_id)["Rotations"]) == 1
    due = kms.get_key_rotation_status(KeyId=key_id)["NextRotationDate"]
    # "Immediately, and every year thereafter": a whole year after the rotation that made up for the missed ones.
    assert timedelta(days=364) < due - holdfast_server.now() <= timedelta(days=365)


def test_rotation_on_demand(holdfast_server: Server) -> None:
    kms = holdfast_server.client("kms")
    key = kms.create_key()["KeyMetadata"]
    key_id = key["KeyId"]
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    due = kms.get_key_rotation_status(KeyId=key_id)["NextRotationDate"]
    blobs = {b"0": kms.encrypt(KeyId=key_id, Plaintext=b"0")["CiphertextBlob"]}
    for number in (b"1", b"2", b"3"):
        holdfast_server.advance(hours=1)
        assert kms.rotate_key_on_demand(KeyId=key_id)["KeyId"] == key["Arn"]
        blobs[number] = kms.encrypt(KeyId=key_id, Plaintext=number)["CiphertextBlob"]
    assert kms.get_key_rotation_status(KeyId=key_id)["NextRotationDate"] == due
    assert all(kms.decrypt(CiphertextBlob=blob)["Plaintext"] == plaintext for plaintext, blob in blobs.items())
    rotations = kms.list_key_rotations(KeyId=key_id)["Rotations"]
    assert [r["RotationType"] for r in rotations] == ["ON_DEMAND"] * 3
    assert [r["KeyMaterialState"] for r in rotations] == ["NON_CURRENT", "NON_CURRENT", "CURRENT"]
    pages = kms.get_paginator("list_key_rotations").paginate(
        KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL", PaginationConfig={"PageSize": 3}
    )
    materials = [entry for page in pages for entry in page["Rotations"]]
    assert materials[1:] == rotations
    assert materials[0] == {
        "KeyId": key_id,
        "KeyMaterialId": key["CurrentKeyMaterialId"],
        "KeyMaterialState": "NON_CURRENT",
    }
    holdfast_server.advance(due - holdfast_server.now() - timedelta(minutes=10))
    assert refused(kms.rotate_key_on_demand, KeyId=key_id)[0] == "ConflictException"


def test_deletion_and_rotation_survive_a_kill(holdfast_server: Server) -> None:
    kms = holdfast_server.client("kms")
    doomed, turning = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    kms.schedule_key_deletion(KeyId=doomed, PendingWindowInDays=7)
    kms.enable_key_rotation(KeyId=turning, RotationPeriodInDays=90)
    blob = kms.encrypt(KeyId=turning, Plaintext=b"x")["CiphertextBlob"]
    holdfast_server.kill()
    holdfast_server.start()
    kms = holdfast_server.client("kms")
    holdfast_server.advance(days=91)
    assert refused(kms.describe_key, KeyId=doomed)[0] == "NotFoundException"
    assert len(kms.list_key_rotations(KeyId=turning)["Rotations"]) == 1
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
