"""AWS Secrets Manager: secrets, their versions and staging labels, deletion with a recovery window, random passwords.

A value is sealed under a data key of its own, made by KMS on the caller's behalf for exactly one version of one
secret; the store never sees a value. Labels and versions follow `rules`. Rotation, replication and resource policies
are absent.
"""
