-- The key of a ciphertext that names no account, whosever it is.
CREATE INDEX kms_key_material_by_id ON kms_key_material (region, key_id, material_id);
