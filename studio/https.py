"""A certificate for this machine, made here: browsers give the camera to HTTPS pages only, except on the machine itself."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
from pathlib import Path

DAYS = 365


def make_certificate(home: Path, host: str) -> tuple[Path, Path]:
    """Certificate and key for this machine's names; made once and kept until they run out."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    folder = home / "https"
    certificate, key_file = folder / "certificate.pem", folder / "key.pem"
    now = dt.datetime.now(dt.UTC)
    if certificate.is_file() and key_file.is_file():
        made = x509.load_pem_x509_certificate(certificate.read_bytes())
        if made.not_valid_after_utc > now + dt.timedelta(days=7):
            return certificate, key_file
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Likeness on " + socket.gethostname()[:50])])
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    try:
        names.append(x509.IPAddress(ipaddress.ip_address(host)))
    except ValueError:
        names.append(x509.DNSName(host))
    names.append(x509.DNSName(socket.gethostname()))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return certificate, key_file
