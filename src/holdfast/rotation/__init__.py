"""Rotation: the four-step state machine and the built-in database engines. Imports no service."""
