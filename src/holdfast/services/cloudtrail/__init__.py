"""The record of every call, in CloudTrail's shape: how it is made, chained, searched, verified and, if asked, removed.

Records are appended by `server/audit.py`; nothing changes one. The chain (vault/chain.py) makes a change or a removal
visible to `verification`. Lookups go through one index in time order that also holds each record's `marks`.
"""
