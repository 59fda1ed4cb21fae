"""AWS Systems Manager Parameter Store, standard tier.

A parameter is a name and its versions, the newest being the current one. A String or StringList is sealed under the
root key, without a KMS call, as AWS makes none; a SecureString is the ciphertext blob that KMS made for the caller.

    rules.py          names, selectors, labels, what a version keeps from the one before it
    filters.py        filters of the listings
    java_patterns.py  AllowedPattern: Java's regular expressions in linear time; java_characters.py: their characters
    records.py        tables
    listing.py        bounded scans behind the pages
    values.py         sealing and opening, and KMS on the caller's behalf
    secret_references.py  /aws/reference/secretsmanager/...: secrets read on the caller's behalf
    *_operations.py   one function per AWS operation
    service.py        what Parameter Store answers

INVARIANT: a version's value opens only for the parameter and version it was written for: the row's identity is in the
associated data of a sealed value, the parameter's ARN in the encryption context of a SecureString.
"""
