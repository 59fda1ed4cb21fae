"""Numbered SQL files, applied in order, each in one transaction; see `store/migrate.py`."""
