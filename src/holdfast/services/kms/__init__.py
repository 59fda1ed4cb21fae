"""AWS Key Management Service: symmetric keys that really encrypt.

Key material is random, sealed under the root key by the vault, and never leaves it. Other services reach KMS through
`call.on_behalf`, as their callers, the way AWS does.

    rules.py          key states, deletion and rotation, as pure functions
    identifiers.py    key ids, key ARNs, alias names, alias ARNs
    policies.py       the default key policy, those of AWS managed keys, what a customer may set
    authorization.py  who may use a key, with KMS's condition keys and its denial texts
    keys.py           from the KeyId of a request to an authorized key
    records.py        tables
    *_operations.py   one function per AWS operation
    jobs.py           deletion and rotation when they are due
    service.py        what KMS answers

INVARIANT: a key that is not Enabled neither encrypts nor decrypts; a deleted key's material is gone from the store.
"""
