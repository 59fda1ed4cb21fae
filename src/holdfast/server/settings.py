"""Every setting, declared once.

A field of `Settings` made with `setting(...)` is at the same time::

    max_body_bytes  ->  --max-body-bytes            a flag of `holdfast serve`
                        HOLDFAST_MAX_BODY_BYTES     an environment variable; an empty one counts as not set
                        max_body_bytes = 1048576    a key of the TOML file: --config FILE, else DIR/holdfast.toml
                        a row of docs/reference/settings.md

`settings_sources.py` reads them from these places.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from holdfast.server.errors import BadSetting
from holdfast.server.kinds import (
    HOST,
    HOST_AND_PORT,
    PATH,
    SWITCH,
    URL,
    Kind,
    choice,
    matching,
    seconds,
    whole,
    whole_or_auto,
)

PREFIX = "HOLDFAST_"
STORAGE, LISTENING, IDENTITY, LIMITS, OUTSIDE, RUNNING = (
    "Storage",
    "Listening",
    "Identity",
    "Limits",
    "Outside",
    "Running",
)
SECTIONS = {
    STORAGE: "Where everything is kept, and the key that opens it.",
    LISTENING: "Where clients connect.",
    IDENTITY: "The account and the region that a new store begins with.",
    LIMITS: "What clients may take. A request beyond a limit is refused; the server goes on.",
    OUTSIDE: "What this server reaches by itself: web hooks, queues, mails.",
    RUNNING: "Time, stopping, audit and logs.",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What is declared beside a field of `Settings`; its name and default are the field's."""

    kind: Kind[Any]
    section: str
    help: str
    otherwise: str = ""
    """What happens without a value, where the default is none."""
    in_file: bool = True
    name: str = ""
    default: Any = None

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()

    @property
    def default_text(self) -> str:
        return self.otherwise or self.kind.write(self.default)

    def read(self, text: str, place: str, hint: str = "") -> Any:
        """The value of a text that stood at `place`. Raises BadSetting."""
        try:
            return self.kind.parse(text)
        except ValueError:
            pass  # raised below: the text may be an address with a password in it, and must not be anyone's context
        raise self.refusal(repr(text), place, hint)

    def refusal(self, shown: str, place: str, hint: str = "") -> BadSetting:
        """The error for a bad value."""
        return BadSetting(f"{place} is {shown if self.kind.shown else 'not usable'}: give {self.kind.expected}{hint}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a server runs with. Paths are absolute after `load`."""

    data: Annotated[
        Path,
        Setting(
            PATH, STORAGE, "The data directory. The first start makes it, mode 0700; one server at a time holds it."
        ),
    ] = Path("holdfast-data")
    config: Annotated[
        Path | None,
        Setting(
            PATH,
            STORAGE,
            "The TOML file with settings.",
            otherwise="holdfast.toml in the data directory, if it is there",
            in_file=False,
        ),
    ] = None
    root_key_file: Annotated[
        Path | None,
        Setting(
            PATH,
            STORAGE,
            "The file with the root key, mode 0600; the first start makes it. Not used when the key itself comes as "
            "the systemd credential holdfast-root-key or in the environment variable HOLDFAST_ROOT_KEY. Keep a copy "
            "elsewhere: without it nothing in the store opens.",
            otherwise="root.key in the data directory",
        ),
    ] = None
    host: Annotated[
        str, Setting(HOST, LISTENING, "The address to listen on. Beyond loopback, give a certificate too.")
    ] = "127.0.0.1"
    port: Annotated[
        int, Setting(whole(0, 65535, "PORT"), LISTENING, "The TCP port to listen on; 0 takes any free one.")
    ] = 4566
    tls_certificate: Annotated[
        Path | None,
        Setting(
            PATH,
            LISTENING,
            "The server's certificate and its chain, PEM. Turns TLS on; needs the key.",
            otherwise="no TLS",
        ),
    ] = None
    tls_key: Annotated[
        Path | None, Setting(PATH, LISTENING, "The private key of the certificate, PEM.", otherwise="no TLS")
    ] = None
    public_url: Annotated[
        str | None,
        Setting(
            URL,
            LISTENING,
            "The base of every address that the server hands out, for clients that reach it by another name.",
            otherwise="made from host and port",
        ),
    ] = None
    account: Annotated[
        str | None,
        Setting(
            matching("[0-9]{12}", "12 digits", "ID"),
            IDENTITY,
            "The id of the account that the first start makes. A store keeps the one it was made with.",
            otherwise="chosen at random by the first start",
        ),
    ] = None
    region: Annotated[
        str,
        Setting(
            matching("[a-z]{2,4}(-[a-z]{2,12}){1,3}-[0-9]{1,2}", "a region name like eu-central-1", "NAME"),
            IDENTITY,
            "The home region: what `holdfast env` prints. Clients may name any region; each holds its own things.",
        ),
    ] = "us-east-1"
    max_body_bytes: Annotated[
        int,
        Setting(
            whole(1024, 1 << 30, "BYTES"),
            LIMITS,
            "The longest request body. Functions take events of 6 MB; code in a zip file grows by a third.",
        ),
    ] = 8 << 20
    max_header_bytes: Annotated[
        int, Setting(whole(1024, 1 << 20, "BYTES"), LIMITS, "The longest request line with all its headers.")
    ] = 32 << 10
    max_connections: Annotated[int, Setting(whole(1, 1_000_000), LIMITS, "Connections open at once.")] = 4096
    max_requests_in_flight: Annotated[
        int,
        Setting(whole(1, 1_000_000), LIMITS, "Requests read and not yet answered, over all connections; more get 503."),
    ] = 1024
    header_timeout_seconds: Annotated[
        float, Setting(seconds(0.1, 3600), LIMITS, "From the first byte of a request to the end of its headers.")
    ] = 10.0
    body_timeout_seconds: Annotated[
        float, Setting(seconds(0.1, 3600), LIMITS, "From the end of the headers to the end of the body.")
    ] = 30.0
    idle_timeout_seconds: Annotated[
        float, Setting(seconds(0.1, 86400), LIMITS, "How long a connection may wait between two requests.")
    ] = 75.0
    quotas: Annotated[
        str,
        Setting(
            choice("none", "aws"),
            LIMITS,
            "Answer ThrottlingException to what goes beyond the rates that AWS gives an account in a region, for Secrets "
            "Manager, Parameter Store and KMS. For tests of clients that must live with them.",
        ),
    ] = "none"
    standard_parameters_per_region: Annotated[
        int | None,
        Setting(
            whole(0, 1_000_000_000),
            LIMITS,
            "Parameters of the standard tier that an account may have in a region. Intelligent-Tiering goes on in the "
            "advanced tier.",
            otherwise="AWS's 10,000 with `--quotas aws`, else no limit",
        ),
    ] = None
    advanced_parameters_per_region: Annotated[
        int | None,
        Setting(
            whole(0, 1_000_000_000),
            LIMITS,
            "Parameters of the advanced tier that an account may have in a region.",
            otherwise="AWS's 100,000 with `--quotas aws`, else no limit",
        ),
    ] = None
    allow_private_targets: Annotated[
        bool,
        Setting(
            SWITCH,
            OUTSIDE,
            "Let this server reach loopback and private addresses when somebody names them: identity providers, web "
            "hooks, queues named by URL. Otherwise only public ones. Link-local addresses are never reached.",
        ),
    ] = False
    outside_ca_file: Annotated[
        Path | None,
        Setting(
            PATH,
            OUTSIDE,
            "Certificates of authorities, PEM, that vouch for other hosts beside the system's: your own, for web hooks, "
            "queues and mail relays in your network.",
            otherwise="the system's alone",
        ),
    ] = None
    delivery_workers: Annotated[
        int,
        Setting(
            whole(1, 1000),
            OUTSIDE,
            "How many destinations of events and messages are delivered to at once, beside the jobs; three quarters of them "
            "at most are of one account. More wait.",
        ),
    ] = 64
    delivered_events_hours: Annotated[
        int,
        Setting(
            whole(0, 87_600, "HOURS"),
            OUTSIDE,
            "How long `holdfast events show` knows an event that was delivered, in service time. 0: not at all.",
        ),
    ] = 24
    failed_events_days: Annotated[
        int,
        Setting(
            whole(0, 36_500, "DAYS"),
            OUTSIDE,
            "How long an event that could not be delivered is kept for `holdfast events redeliver`, in service time. 0: "
            "until it is redelivered.",
        ),
    ] = 14
    sqs_endpoint: Annotated[
        str | None,
        Setting(
            URL,
            OUTSIDE,
            "The SQS-compatible service that has the queues which rules and subscriptions name by ARN. Its address may be "
            "a private one.",
            otherwise="queues are named by URL",
        ),
    ] = None
    sqs_access_key_id: Annotated[
        str | None,
        Setting(
            matching("[!-~]{1,128}", "the id of an access key", "ID"),
            OUTSIDE,
            "The access key that messages for queues are signed with. Its secret comes as the systemd credential "
            "holdfast-sqs-secret-access-key or in the environment variable HOLDFAST_SQS_SECRET_ACCESS_KEY.",
            otherwise="messages are not signed",
        ),
    ] = None
    smtp_relay: Annotated[
        str | None,
        Setting(
            HOST_AND_PORT,
            OUTSIDE,
            "The mail relay for subscriptions by email. Its address may be a private one.",
            otherwise="no mails",
        ),
    ] = None
    smtp_security: Annotated[
        str,
        Setting(
            choice("starttls", "tls", "none"),
            OUTSIDE,
            "How the connection to the mail relay is protected: STARTTLS, TLS from the first byte (port 465), or not at "
            "all, for a relay on this machine.",
        ),
    ] = "starttls"
    smtp_sender: Annotated[
        str | None,
        Setting(
            matching("[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,255}", "an address like holdfast@example.org", "ADDRESS"),
            OUTSIDE,
            "Whom mails come from.",
            otherwise="no mails",
        ),
    ] = None
    smtp_username: Annotated[
        str | None,
        Setting(
            matching("[ -~]{1,255}", "a user name", "NAME"),
            OUTSIDE,
            "The user name at the mail relay. The password comes as the systemd credential holdfast-smtp-password or in "
            "the environment variable HOLDFAST_SMTP_PASSWORD.",
            otherwise="no login",
        ),
    ] = None
    readers: Annotated[
        int | None,
        Setting(
            whole_or_auto(0, 64),
            RUNNING,
            "How many processes beside the main one answer reads of Secrets Manager, Parameter Store and KMS; the main one "
            "writes, and does everything else. 0: the main one does all, as always with a movable clock and with "
            "`--quotas aws`.",
            otherwise="auto: as many as there are cores beside the first, or as a container's quota pays for, 3 at most",
        ),
    ] = None
    job_workers: Annotated[
        int,
        Setting(
            whole(1, 1000),
            RUNNING,
            "How many jobs that reach outside run at once: rotations, and beside them as many functions invoked as "
            "events. More wait.",
        ),
    ] = 8
    rotation_lock: Annotated[
        str,
        Setting(
            choice("abandon", "strict"),
            RUNNING,
            "What a new value from somebody else does while a rotation is under way: abandon the rotation, as AWS does, or "
            "be refused (strict).",
        ),
    ] = "abandon"
    function_environments: Annotated[
        int,
        Setting(
            whole(1, 10_000),
            RUNNING,
            "Lambda functions: environments alive at once, busy and warm. An invocation that finds all of them busy is "
            "answered TooManyRequestsException.",
        ),
    ] = 32
    function_idle_seconds: Annotated[
        float,
        Setting(seconds(0, 86400), RUNNING, "Lambda functions: how long an environment is kept warm without work."),
    ] = 300.0
    rotation_ca_bundle: Annotated[
        Path | None,
        Setting(
            PATH,
            RUNNING,
            "Certificates of the authorities, PEM, that built-in rotations verify databases against.",
            otherwise="the system's",
        ),
    ] = None
    rotation_connect_timeout_seconds: Annotated[
        float, Setting(seconds(0.1, 300), RUNNING, "How long a built-in rotation waits for a database to answer.")
    ] = 5.0
    function_ca_bundle: Annotated[
        Path | None,
        Setting(
            PATH,
            RUNNING,
            "Lambda functions: the certificates they trust, PEM, for this server and for databases. Functions that name "
            "/etc/pki/tls/cert.pem get these where that file is missing.",
            otherwise="this machine's, and with TLS the server's own",
        ),
    ] = None
    movable_clock: Annotated[
        bool,
        Setting(
            SWITCH,
            RUNNING,
            "Let `holdfast clock advance` move service time forward: dates, recovery windows and schedules follow it. "
            "For tests: what falls due on the way really happens.",
        ),
    ] = False
    audit_read_window_milliseconds: Annotated[
        int,
        Setting(
            whole(0, 10_000, "MS"),
            RUNNING,
            "How long the audit records of reads may wait to be written together. A power cut can lose the records of "
            "reads that were answered within it, never those of writes. 0: a read waits until its record is on disk.",
        ),
    ] = 50
    audit_retention_days: Annotated[
        int,
        Setting(
            whole(0, 36_500, "DAYS"),
            RUNNING,
            "How long audit records are kept, in service time. What is older is removed, and a sealed statement says so; "
            "LookupEvents shows the last 90 days at most, as AWS does. 0: everything is kept.",
        ),
    ] = 0
    drain_seconds: Annotated[
        float, Setting(seconds(0, 3600), RUNNING, "After SIGTERM: how long accepted requests may take to finish.")
    ] = 10.0
    log_level: Annotated[
        str,
        Setting(
            choice("debug", "info", "warning", "error"), RUNNING, "The least important kind of line that is logged."
        ),
    ] = "info"
    log_format: Annotated[
        str,
        Setting(choice("json", "console"), RUNNING, "One JSON object a line, or text for people. Logs go to stderr."),
    ] = "json"
    dev: bool = False
    """No setting: `holdfast dev` sets it. The root access key is then `test` with the secret `test`."""

    @property
    def one_process(self) -> str:
        """The flag of what is kept in the memory of one process, so that there can be no readers; empty without one."""
        return "--movable-clock" if self.movable_clock else "--quotas aws" if self.quotas == "aws" else ""

    @property
    def root_key_path(self) -> Path:
        """Where the root key file is or will be."""
        return self.root_key_file or self.data / "root.key"


def _declarations() -> dict[str, Setting]:
    hints = get_type_hints(Settings, include_extras=True)
    found: dict[str, Setting] = {}
    for item in fields(Settings):
        if metadata := getattr(hints[item.name], "__metadata__", None):
            found[item.name] = replace(metadata[0], name=item.name, default=item.default)
    return found


SETTINGS = _declarations()
"""Every declaration by its name, in the order of the fields."""
