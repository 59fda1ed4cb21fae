"""Patterns that pick JSON objects: events for EventBridge, messages for SNS."""
