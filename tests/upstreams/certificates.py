"""A certificate authority for one test session, which knows 127.0.0.1 and nothing else."""

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Authority:
    file: Path
    """Its certificate, for whoever shall trust it."""
    server_file: Path
    """Key and certificate of the servers."""

    def context(self, *protocols: str) -> ssl.SSLContext:
        """For a server that offers these protocols (ALPN)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_file)
        if protocols:
            context.set_alpn_protocols(protocols)
        return context


def make_authority(folder: Path) -> Authority:
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "upstream of a test")])
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    ca = begun(ca_name, ca_name, ca_key).add_extension(x509.BasicConstraints(True, None), critical=True)
    server = begun(server_name, ca_name, server_key).add_extension(loopback, critical=False)
    authority = Authority(folder / "authority.pem", folder / "server.pem")
    authority.file.write_bytes(signed(ca, ca_key))
    key = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority.server_file.write_bytes(key + signed(server, ca_key))
    return authority


def begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
    )


def signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
