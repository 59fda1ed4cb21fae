"""AWS Security Token Service: who am I, and temporary credentials.

`operations` the caller's own identity and its own temporary credentials; `role_operations` AssumeRole;
`web_identity_operations` AssumeRoleWithWebIdentity; `session_token` what a token holds; `web_identity` the proof of a
token of an OpenID Connect provider; `role_sessions` what both ways to a role share.
"""
