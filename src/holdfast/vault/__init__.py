"""ALL cryptography of the house: root keys, sealing, KMS ciphertext, page tokens, randomness.

The only room that sees key bytes. Everything here stands on `cryptography` (AES-256-GCM, HKDF, HMAC) and the kernel's
generator; no primitive is made by hand. Formats are drawn in the module that writes them and specified, with test
vectors, in docs/reference/formats.md.

INVARIANT: a ciphertext opens only where it was sealed: table, column, purpose, format version and the row identity that
`registry` names are authenticated.
Threat: someone who can read and write the database, the backups and the tokens that clients send back, but not the root
key. Not defended: someone who reads this process's memory, and an old ciphertext put back into its own row.
"""
