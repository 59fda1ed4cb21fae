"""What unmodified rotation functions import: PyGreSQL's modules over psycopg, on a real PostgreSQL; the certificates' place."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict

from holdfast.testing import Account
from tests.services.lambda_.conftest import create, invoke

ROTATE = """
import pg, pgdb
def connect(event, password, **options):
    return pgdb.connect(host=event["host"], user="app", password=password, database=event["database"],
                        port=event["port"], connect_timeout=5, **options)
def handler(event, context):
    connection = connect(event, event["old"], sslmode="disable")
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(%s)", ("app",))
        name = cursor.fetchone()[0]
        cursor.execute("ALTER USER %s" % name + " WITH PASSWORD %s", (event["new"],))
        connection.commit()
    connection.close()
    with connect(event, event["new"], sslmode="disable").cursor() as cursor:
        cursor.execute("SELECT NOW() AS moment")
        assert cursor.fetchone().moment
    try:
        connect({**event, "port": 1}, event["new"])
    except pg.InternalError as error:
        return type(error).__name__
"""


def test_a_function_written_for_pygresql_changes_a_password(holdfast: Account, postgresql: str) -> None:
    place = conninfo_to_dict(postgresql)
    with psycopg.connect(postgresql, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS app")
        admin.execute("CREATE ROLE app LOGIN PASSWORD 'old'")
        event = {
            "host": place["host"], "port": int(str(place["port"])), "database": place["dbname"],
            "old": "old", "new": "it's new",
        }  # fmt: skip
        create(holdfast, ROTATE, Timeout=30)
        answer = invoke(holdfast, event)
        assert answer.payload == "InternalError", answer
        stored = admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'").fetchone()
        assert stored is not None
        assert str(stored[0]).startswith("SCRAM-SHA-256$")
        admin.execute("DROP ROLE app")


def test_the_certificates_of_amazon_linux_are_found(holdfast: Account) -> None:
    source = """
import os, ssl
def handler(event, context):
    made = ssl.create_default_context(cafile="/etc/pki/tls/cert.pem")
    return len(made.get_ca_certs()) > 0, os.path.exists("/etc/pki/tls/cert.pem"), os.environ["HOLDFAST_CA_BUNDLE"]
"""
    create(holdfast, source, Timeout=30)
    found, there, bundle = invoke(holdfast).payload
    assert found
    assert there or bundle.endswith((".pem", ".crt"))
