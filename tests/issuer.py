"""An OpenID Connect provider that really runs: HTTPS, discovery, a JWK set, keys that rotate, and tokens, good and bad."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

Answer = tuple[int, dict[str, str], bytes]
Page = Answer | Callable[[BaseHTTPRequestHandler], object]


def encoded(data: bytes) -> str:
    """Base64 as JOSE writes it (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


# -- certificates -------------------------------------------------------------------------------------------------------


class Authority:
    """A certificate authority that nobody knows, and a server certificate of it."""

    def __init__(self, folder: Path, host: str = "localhost") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._certificate("An authority", self.key, authority=True)
        leaf_key = ec.generate_private_key(ec.SECP256R1())
        self.leaf = self._certificate(host, leaf_key, authority=False)
        der = serialization.Encoding.DER
        self.thumbprint = hashlib.sha1(self.certificate.public_bytes(der)).hexdigest()
        self.leaf_thumbprint = hashlib.sha1(self.leaf.public_bytes(der)).hexdigest()
        chain = folder / "chain.pem"
        key = folder / "key.pem"
        pem = serialization.Encoding.PEM
        chain.write_bytes(self.leaf.public_bytes(pem) + self.certificate.public_bytes(pem))
        key.write_bytes(leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain, key)

    def _certificate(self, name: str, key: ec.EllipticCurvePrivateKey, *, authority: bool) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = subject if authority else self.certificate.subject
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(
                x509.SubjectAlternativeName(names[:1] if name != "localhost" else names), False
            )
        return builder.sign(self.key, hashes.SHA256())


# -- a web server -------------------------------------------------------------------------------------------------------


class Site:
    """A web server on 127.0.0.1: `pages` maps a path to its answer, or to a function that writes one itself."""

    def __init__(self, authority: Authority | None = None) -> None:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.asked.append(self.path)
                page = site.pages.get(self.path, (404, {}, b"no such page"))
                self.close_connection = True
                if callable(page):
                    page(self)
                    return
                status, headers, body = page
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Transfer-Encoding" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Say nothing."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that goes away, or refuses the certificate, is what some tests are about."""

        self.pages: dict[str, Page] = {}
        self.asked: list[str] = []
        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        if authority is not None:
            self._server.socket = authority.context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "http" if authority is None else "https"
        self.url = f"{scheme}://localhost:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


# -- keys and tokens ----------------------------------------------------------------------------------------------------

_CURVES = {
    "ES256": (ec.SECP256R1(), "P-256", 32),
    "ES384": (ec.SECP384R1(), "P-384", 48),
    "ES512": (ec.SECP521R1(), "P-521", 66),
}
_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


class SigningKey:
    """A key of a provider, made for one algorithm; signs by its own code, not by the library under test."""

    def __init__(self, algorithm: str, key_id: str, bits: int = 2048) -> None:
        self.algorithm = algorithm
        self.key_id = key_id
        self._rsa = rsa.generate_private_key(65537, bits) if algorithm.startswith("RS") else None
        self._ec = None if self._rsa else ec.generate_private_key(_CURVES[algorithm][0])

    @property
    def jwk(self) -> dict[str, str]:
        """The public key (RFC 7517)."""
        common = {"kid": self.key_id, "use": "sig", "alg": self.algorithm}
        if self._rsa:
            numbers = self._rsa.public_key().public_numbers()
            return {**common, "kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        assert self._ec is not None
        _, curve, size = _CURVES[self.algorithm]
        point = self._ec.public_key().public_numbers()
        x, y = (encoded(value.to_bytes(size, "big")) for value in (point.x, point.y))
        return {**common, "kty": "EC", "crv": curve, "x": x, "y": y}

    @property
    def public_pem(self) -> bytes:
        key = self._rsa or self._ec
        assert key is not None
        return key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, text: bytes) -> bytes:
        algorithm = _HASHES[self.algorithm[2:]]
        if self._rsa:
            return self._rsa.sign(text, padding.PKCS1v15(), algorithm)
        assert self._ec is not None
        size = _CURVES[self.algorithm][2]
        r, s = decode_dss_signature(self._ec.sign(text, ec.ECDSA(algorithm)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    def token(self, claims: dict[str, Any], **header: Any) -> str:
        """A signed token; `header` changes the header, None takes a member away."""
        head = {"alg": self.algorithm, "kid": self.key_id, "typ": "JWT", **header}
        text = unsigned({k: v for k, v in head.items() if v is not None}, claims)
        return f"{text}.{encoded(self.sign(text.encode()))}"


def unsigned(header: dict[str, Any], claims: Any) -> str:
    """Header and claims as they are signed."""
    return f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"


def without_signature(claims: dict[str, Any]) -> str:
    """`alg: none` (RFC 7515, appendix A.5)."""
    return unsigned({"alg": "none", "typ": "JWT"}, claims) + "."


def under_public_key(key: SigningKey, claims: dict[str, Any], secret: bytes | None = None) -> str:
    """An HMAC whose secret is the public key, which everybody knows: the classic confusion of algorithms."""
    text = unsigned({"alg": "HS256", "kid": key.key_id, "typ": "JWT"}, claims)
    return f"{text}.{encoded(hmac.digest(secret or key.public_pem, text.encode(), 'sha256'))}"


class Issuer(Site):
    """An OpenID Connect provider with one key at a time."""

    def __init__(self, authority: Authority | None, algorithm: str = "RS256") -> None:
        super().__init__(authority)
        self.key = SigningKey(algorithm, "first")
        self._publish()

    def _publish(self) -> None:
        configuration = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "id_token_signing_alg_values_supported": [],
        }
        json_type = {"Content-Type": "application/json"}
        self.pages["/.well-known/openid-configuration"] = (200, json_type, json.dumps(configuration).encode())
        self.pages["/keys"] = (200, json_type, json.dumps({"keys": [self.key.jwk]}).encode())

    def rotate(self, key_id: str = "second") -> None:
        """A new key, and the old one is gone."""
        self.key = SigningKey(self.key.algorithm, key_id)
        self._publish()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a good token of this moment; None takes one away."""
        now = int(time.time())
        claims = {
            "iss": self.url, "sub": "system:serviceaccount:default:app", "aud": "sts.amazonaws.com",
            "iat": now, "nbf": now, "exp": now + 600, **changes,
        }  # fmt: skip
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, **changes: Any) -> str:
        return self.key.token(self.claims(**changes))
