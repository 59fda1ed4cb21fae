"""A double of a MongoDB server: its wire protocol, SCRAM and user commands, in memory. It is neither MongoDB nor DocumentDB.

No such server can be installed from where the tests get theirs. What this double shows is that pymongo, unchanged, logs in
with the right password and not with another, over TLS or without, and that the commands which the engine sends have the
shape that MongoDB documents. It enforces what matters to rotation: SCRAM proofs (RFC 5802, both SHA-1 as MongoDB digests it
and SHA-256), no command before a login, and privileges: `changeOwnPassword` for oneself, a superuser for everybody else.

OP_QUERY carries pymongo's first `isMaster`, OP_MSG everything after it; each message is answered by one section of kind 0.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import socketserver
import ssl
import struct
import threading
from dataclasses import dataclass, field
from typing import Any

import bson

SUPERUSER_PASSWORD = "superuser-of-a-throw-away-server"
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}
_ITERATIONS = {"SCRAM-SHA-1": 4096, "SCRAM-SHA-256": 4096}  # the fewest that drivers take; MongoDB has more


@dataclass
class User:
    """As `usersInfo` shows it, and what SCRAM needs of its password."""

    name: str
    database: str
    roles: list[dict[str, str]]
    keys: dict[str, tuple[bytes, bytes, bytes]] = field(default_factory=dict, repr=False)
    """Mechanism -> salt, stored key, server key (RFC 5802 §3)."""

    def set_password(self, password: str) -> None:
        for mechanism, name in _HASHES.items():
            text = password
            if mechanism == "SCRAM-SHA-1":  # MongoDB's own digest comes before SCRAM
                text = hashlib.md5(f"{self.name}:mongo:{password}".encode()).hexdigest()
            salt = os.urandom(16)
            salted = hashlib.pbkdf2_hmac(name, text.encode(), salt, _ITERATIONS[mechanism])
            client = hmac.digest(salted, b"Client Key", name)
            self.keys[mechanism] = salt, hashlib.new(name, client).digest(), hmac.digest(salted, b"Server Key", name)


class Failure(Exception):
    """An error that the client gets."""

    def __init__(self, code: int, name: str, text: str) -> None:
        super().__init__(text)
        self.document = {"ok": 0.0, "errmsg": text, "code": code, "codeName": name}


class Conversation:
    """One client: what it may do, and how far its login is."""

    def __init__(self, server: MongoDB) -> None:
        self.server = server
        self.user: User | None = None
        self._mechanism = ""
        self._claimed: User | None = None
        self._first = b""
        self._nonce = b""

    # -- SCRAM --------------------------------------------------------------------------------------------------------------

    def start(self, command: dict[str, Any]) -> dict[str, Any]:
        self._mechanism = command["mechanism"]
        if self._mechanism not in self.server.mechanisms:
            raise Failure(
                334,
                "MechanismUnavailable",
                f"Received authentication for mechanism {self._mechanism} which is not enabled",
            )
        bare = bytes(command["payload"]).split(b",", 2)[2]  # after the header n,,
        parts = dict(part.split(b"=", 1) for part in bare.split(b","))
        name = parts[b"n"].decode().replace("=2C", ",").replace("=3D", "=")
        self._claimed = self.server.users.get((command["$db"], name))
        self._nonce = parts[b"r"] + base64.b64encode(os.urandom(18))
        if self._claimed is None:
            raise self._refused()
        salt = base64.b64encode(self._claimed.keys[self._mechanism][0])
        answer = b"r=%b,s=%b,i=%d" % (self._nonce, salt, _ITERATIONS[self._mechanism])
        self._first = bare + b"," + answer
        return {"conversationId": 1, "done": False, "payload": answer, "ok": 1.0}

    def go_on(self, command: dict[str, Any]) -> dict[str, Any]:
        payload = bytes(command["payload"])
        if self._claimed is None:
            raise self._refused()
        if not payload:
            return {"conversationId": 1, "done": True, "payload": b"", "ok": 1.0}
        without_proof, _, proof = payload.rpartition(b",p=")
        parts = dict(part.split(b"=", 1) for part in without_proof.split(b","))
        name = _HASHES[self._mechanism]
        _, stored, server_key = self._claimed.keys[self._mechanism]
        message = self._first + b"," + without_proof
        signature = hmac.digest(stored, message, name)
        client = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True))
        if parts[b"r"] != self._nonce or hashlib.new(name, client).digest() != stored:
            raise self._refused()
        self.user = self._claimed
        answer = b"v=" + base64.b64encode(hmac.digest(server_key, message, name))
        return {"conversationId": 1, "done": True, "payload": answer, "ok": 1.0}

    def _refused(self) -> Failure:
        self._claimed = None
        return Failure(18, "AuthenticationFailed", "Authentication failed.")

    # -- commands -----------------------------------------------------------------------------------------------------------

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(command))
        try:
            if name.lower() in {"hello", "ismaster"}:
                return self._hello()
            if name == "saslStart":
                return self.start(command)
            if name == "saslContinue":
                return self.go_on(command)
            if self.user is None:
                raise Failure(13, "Unauthorized", f"Command {name} requires authentication")
            if name in {"ping", "endSessions"}:
                return {"ok": 1.0}
            handler = {
                "updateUser": self._update,
                "createUser": self._create,
                "usersInfo": self._info,
                "connectionStatus": self._status,
            }.get(name)
            if handler is None:
                raise Failure(59, "CommandNotFound", f"no such command: '{name}'")
            with self.server.lock:
                return handler(command, self.user)
        except Failure as failure:
            return failure.document

    def _hello(self) -> dict[str, Any]:
        primary = self.server.primary
        return {
            "isWritablePrimary": primary, "ismaster": primary, "helloOk": True, "maxBsonObjectSize": 16777216,
            "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000, "minWireVersion": 0, "maxWireVersion": 21,
            "saslSupportedMechs": list(self.server.mechanisms), "ok": 1.0,
        }  # fmt: skip

    def _actions(self, user: User) -> set[str]:
        return {action for role in user.roles for action in self.server.roles.get(role["role"], set())}

    def _need(self, user: User, *actions: str) -> None:
        if not self._actions(user) & set(actions):
            raise Failure(13, "Unauthorized", f"not authorized on {user.database} to execute command")
        if not self.server.primary:
            raise Failure(10107, "NotWritablePrimary", "not primary")

    def _update(self, command: dict[str, Any], user: User) -> dict[str, Any]:
        target = self.server.users.get((command["$db"], command["updateUser"]))
        own = {"changeOwnPassword"} if target is user else set[str]()
        self._need(user, "changePassword", *own)
        if target is None:
            raise Failure(11, "UserNotFound", "User not found")
        if self.server.disk_full:
            raise Failure(14031, "OutOfDiskSpace", "No space left on device")
        target.set_password(command["pwd"])
        return {"ok": 1.0}

    def _create(self, command: dict[str, Any], user: User) -> dict[str, Any]:
        self._need(user, "createUser")
        if (key := (command["$db"], command["createUser"])) in self.server.users:
            raise Failure(51003, "Location51003", f'User "{key[1]}@{key[0]}" already exists')
        self.server.add(key[1], command["pwd"], command["roles"], key[0])
        return {"ok": 1.0}

    def _info(self, command: dict[str, Any], user: User) -> dict[str, Any]:
        if not self._actions(user) & {"viewUser"}:
            raise Failure(13, "Unauthorized", f"not authorized on {user.database} to execute command")
        asked = command["usersInfo"]
        found = self.server.users.get((asked["db"], asked["user"]))
        users = [{"user": found.name, "db": found.database, "roles": found.roles}] if found else []
        return {"users": users, "ok": 1.0}

    def _status(self, command: dict[str, Any], user: User) -> dict[str, Any]:
        privileges = [{"resource": {"db": "", "collection": ""}, "actions": sorted(self._actions(user))}]
        return {
            "authInfo": {
                "authenticatedUsers": [{"user": user.name, "db": user.database}],
                "authenticatedUserRoles": user.roles,
                **({"authenticatedUserPrivileges": privileges} if command.get("showPrivileges") else {}),
            },
            "ok": 1.0,
        }


class MongoDB:
    """The server. `users` is its whole data."""

    superuser = "root"
    password = SUPERUSER_PASSWORD

    def __init__(self, context: ssl.SSLContext | None = None, mechanisms: tuple[str, ...] = tuple(_HASHES)) -> None:
        self.context = context
        self.mechanisms = mechanisms
        self.lock = threading.Lock()
        self.primary = True
        self.disk_full = False
        self.users: dict[tuple[str, str], User] = {}
        self.roles: dict[str, set[str]] = {
            "root": {"viewUser", "createUser", "changePassword", "grantRole", "changeOwnPassword"},
            "readWrite": {"find", "insert"},
            "ownPassword": {"changeOwnPassword"},
        }
        self.add("root", self.password, [{"role": "root", "db": "admin"}])
        self.commands: list[str] = []
        self._listener: socketserver.ThreadingTCPServer | None = None
        self.port = 0
        self.start()

    def add(self, name: str, password: str, roles: list[dict[str, str]], database: str = "admin") -> None:
        user = User(name, database, roles)
        user.set_password(password)
        self.users[database, name] = user

    def start(self) -> None:
        server = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError, EOFError):
                    connection = self.request
                    if server.context:
                        connection = server.context.wrap_socket(connection, server_side=True)
                    with contextlib.closing(connection):
                        server.serve(connection)

        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._listener = Listener(("127.0.0.1", self.port), Handler)
        self.port = self._listener.server_address[1]
        threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self._listener:
            self._listener.shutdown()
            self._listener.server_close()
            self._listener = None

    def serve(self, connection: Any) -> None:
        stream = connection.makefile("rb")
        conversation = Conversation(self)
        while header := stream.read(16):
            length, request, _, kind = struct.unpack("<iiii", header)
            if kind not in (_OP_QUERY, _OP_MSG):  # TLS to a server that has none, for example
                return
            body = stream.read(length - 16)
            if kind == _OP_QUERY:
                command: dict[str, Any] = bson.decode(body[body.index(b"\0", 4) + 9 :])
                reply = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(conversation.answer(command))
                answer = struct.pack("<iiii", 16 + len(reply), 0, request, _OP_REPLY) + reply
            else:
                (flags,) = struct.unpack_from("<I", body)
                command = bson.decode(body[5:])
                self.commands.append(next(iter(command)))
                reply = struct.pack("<IB", 0, 0) + bson.encode(conversation.answer(command))
                answer = struct.pack("<iiii", 16 + len(reply), 0, request, _OP_MSG) + reply
                if flags & 2:  # moreToCome: the client waits for no answer
                    continue
            connection.sendall(answer)
