"""Certificates for the TLS tests, made by the openssl program."""

import subprocess
from types import SimpleNamespace

NAME = "precheck.test"
PROFILES = f"""
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[server]
subjectAltName = DNS:{NAME},IP:127.0.0.1
extendedKeyUsage = serverAuth
[other_name]
subjectAltName = DNS:elsewhere.test
[client]
extendedKeyUsage = clientAuth
[default]
default_ca = issuing
[issuing]
database = index.txt
serial = serial
new_certs_dir = .
policy = anyone
[anyone]
commonName = supplied
"""


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def issue(folder, name, profile, issuer=None, *, key=("EC", "ec_paramgen_curve:P-256"), days="30"):
    """Make NAME.key and NAME.pem, signed by `issuer` or by itself; `days` may be over already."""
    openssl(folder, "genpkey", "-algorithm", key[0], "-pkeyopt", key[1], "-out", f"{name}.key")
    openssl(folder, "req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
    signer = ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key"] if issuer else ["-signkey", f"{name}.key"]
    config = ["-extfile", "profiles", "-extensions", profile, "-days", days, "-set_serial", str(abs(hash(name)))]
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signer, *config, "-out", f"{name}.pem")


def issue_from(folder, name, issuer, first_day):
    """Make NAME.key and NAME.pem that are valid from a day on, as 20990101: `openssl x509` of Debian 12 cannot."""
    openssl(folder, "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-subj", f"/CN={name}",
            "-out", f"{name}.csr")  # fmt: skip
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("0F\n")
    dates = ["-startdate", f"{first_day}000000Z", "-enddate", f"{int(first_day) + 10000}000000Z"]
    signer = ["-cert", f"{issuer}.pem", "-keyfile", f"{issuer}.key", "-md", "sha256"]
    config = ["-config", "profiles", "-extensions", "server", "-in", f"{name}.csr", "-out", f"{name}.pem"]
    openssl(folder, "ca", "-batch", "-notext", *signer, *dates, *config)


def make(folder):
    """Make all of them; the attributes are paths without `.pem` and `.key`, but `ca` and `wrong_ca` are files."""
    (folder / "profiles").write_text(PROFILES)
    issue(folder, "ca", "ca")
    issue(folder, "wrong_ca", "ca")
    issue(folder, "server", "server", "ca")
    issue(folder, "server_rsa", "server", "ca", key=("RSA", "rsa_keygen_bits:2048"))
    issue(folder, "other_name", "other_name", "ca")
    issue(folder, "expired", "server", "ca", days="-1")
    issue_from(folder, "future", "ca", "20990101")
    issue(folder, "foreign", "server", "wrong_ca")
    issue(folder, "client", "client", "ca")
    issue(folder, "stranger", "client", "wrong_ca")
    names = ("server", "server_rsa", "other_name", "expired", "future", "foreign", "client", "stranger")
    return SimpleNamespace(
        ca=str(folder / "ca.pem"),
        wrong_ca=str(folder / "wrong_ca.pem"),
        **{name: str(folder / name) for name in names},
    )
