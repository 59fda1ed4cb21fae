"""Keys that notifications are signed with: RSA-2048 and a certificate that vouches for itself, PKCS #1 v1.5 signatures.

What is signed leaves this server, and whoever gets it checks it with the published certificate ("Verifying the signatures
of Amazon SNS messages", developer guide): version 1 signs with SHA-1, version 2 with SHA-256. Version 1 is what old
receivers know; a forgery needs a second preimage, which SHA-1 still withstands (NIST SP 800-107r1 §4.1).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from holdfast.vault.randomness import Randomness

BITS = 2048
YEARS = 10
"""How long a certificate says that it is valid."""


class NewSigningKey(NamedTuple):
    """A key and its certificate."""

    key_id: str
    """32 hexadecimal digits, of the certificate's SHA-256."""
    certificate: str
    """PEM."""
    private: bytes
    """PKCS #8, DER."""


def new_signing_key(randomness: Randomness, seconds: float, name: str) -> NewSigningKey:
    """A new key, valid from `seconds` since 1970 (wall time). Takes about a quarter of a second: not for the loop."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begins = datetime.fromtimestamp(seconds, UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        # 20 octets at most, positive (RFC 5280 §4.1.2.2).
        .serial_number(int.from_bytes(randomness.bytes(16), "big") + 1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()[:32]
    return NewSigningKey(fingerprint, certificate.public_bytes(serialization.Encoding.PEM).decode(), private)


class MessageSigner:
    """Signs with one key; its repr shows nothing."""

    __slots__ = ("_key",)

    def __init__(self, private: bytes) -> None:
        self._key = _loaded(private)

    def sign(self, text: bytes, version: str) -> bytes:
        """The signature of a text by a version, "1" or "2"."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - what version 1 is
        return self._key.sign(text, padding.PKCS1v15(), algorithm)


@lru_cache(maxsize=8)
def _loaded(private: bytes) -> RSAPrivateKey:
    """Loading checks the key's numbers, which takes longer than a signature."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    key = load_der_private_key(private, None)
    assert isinstance(key, RSAPrivateKey)
    return key
