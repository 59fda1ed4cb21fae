"""AWS Secrets Manager: secrets, their versions and staging labels, deletion with a recovery window, random passwords,
resource policies.

A value is sealed under a data key of its own, made by KMS on the caller's behalf for exactly one version of one
secret; the store never sees a value. Labels and versions follow `rules`. A secret's resource policy stands in its row
(`policies`) and takes part in every decision about it (`finding`). Rotation and replication are absent.
"""
