"""The part of PyGreSQL's classic module that database functions use: its exceptions. See pgdb.py beside it."""


class Error(Exception):
    """Anything that went wrong."""


class DatabaseError(Error):
    pass


class InternalError(DatabaseError):
    """What PyGreSQL raises when it cannot connect."""


class OperationalError(DatabaseError):
    pass


class ProgrammingError(DatabaseError):
    pass
