"""The record of every call, in CloudTrail's shape. Search and LookupEvents come next."""
