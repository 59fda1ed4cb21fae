"""AWS Lambda: functions, their versions, aliases and permissions, and their invocation.

The operations keep what a function is; what runs it stands behind `services.functions.Functions` (server/functions.py).
"""
