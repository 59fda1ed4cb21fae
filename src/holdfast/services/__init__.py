"""One folder per AWS service, all with the same file names.

`operations.py` one function per AWS operation; `rules.py` pure state rules; `records.py` tables and their queries;
`service.py` the table that names what the service answers. A service imports no other service: it reaches one through
`call.on_behalf`, the way AWS does.
"""
