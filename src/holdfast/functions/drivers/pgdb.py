"""PyGreSQL's DB-API module over psycopg 3, for functions that were written for it: AWS's rotation functions are.

PyGreSQL has no binary package for Linux. The real one wins where it is installed: this folder is the last that is
searched. Parameters are put into the statement by the client, as PyGreSQL does: ALTER USER takes none from the server.
"""

import os

import pg
import psycopg
from psycopg.rows import namedtuple_row

AMAZON_LINUX = "/etc/pki/tls/cert.pem"
Error = pg.Error
DatabaseError = pg.DatabaseError
InternalError = pg.InternalError
OperationalError = pg.OperationalError
ProgrammingError = pg.ProgrammingError


class Cursor(psycopg.ClientCursor):
    """Errors by PyGreSQL's names."""

    def execute(self, *arguments, **options):
        try:
            return super().execute(*arguments, **options)
        except psycopg.OperationalError as error:
            raise pg.OperationalError(str(error)) from None
        except psycopg.ProgrammingError as error:
            raise pg.ProgrammingError(str(error)) from None
        except psycopg.Error as error:
            raise pg.DatabaseError(str(error)) from None


def connect(dsn=None, user=None, password=None, host=None, database=None, port=None, **options):
    """A connection as PyGreSQL opens one, `with` included: it commits and stays open."""
    if host and ":" in host and port is None:
        host, _, port = host.partition(":")
    if options.get("sslrootcert") == AMAZON_LINUX and not os.path.exists(AMAZON_LINUX):
        options["sslrootcert"] = os.environ.get("HOLDFAST_CA_BUNDLE", AMAZON_LINUX)
    given = {"user": user, "password": password, "host": host, "dbname": database, "port": port, **options}
    try:
        connection = Connection.connect(
            dsn or "",
            cursor_factory=Cursor,
            row_factory=namedtuple_row,
            **{name: value for name, value in given.items() if value is not None},
        )
    except psycopg.OperationalError as error:
        raise pg.InternalError(str(error)) from None
    return connection


class Connection(psycopg.Connection):
    """psycopg's closes at the end of `with`; PyGreSQL's does not."""

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.commit()
        else:
            self.rollback()
