"""AWS Identity and Access Management: who there is, and what may be done.

`*_operations` what clients call, one module for each noun; `rules` quotas, names and texts; `records`,
`policy_records`, `account_records` the tables; `trust` principals of trust policies by unique id; `managed_policies`
AWS's own policies; `simulation` the policy simulator; `identities` what the server reads to know a caller.

IAM is global: it takes any Region in the credential scope and keeps none. At AWS a change arrives everywhere within
seconds; here it holds from the answer on.
"""
