"""May this principal do this? Principals, decisions, evaluation. Knows no service."""
