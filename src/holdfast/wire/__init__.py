"""Bytes to typed calls and back: protocols, constraint texts, signatures. Knows `api` and nothing else of the house."""
