"""Transactions: one statement text for SQLite and PostgreSQL, groups of writes, schema migrations, the directory lock."""
