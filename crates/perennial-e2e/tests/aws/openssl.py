"""A customer's own PKI: keys and certificates made by openssl, in a folder."""

import pathlib
import subprocess

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Pki:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def file(self, name, kind):
        return str(self.folder / f"{name}.{kind}")

    def pem(self, name):
        return pathlib.Path(self.file(name, "pem")).read_text()

    def make(self, name, common_name, issuer=None, key=None, extensions=None, days=30):
        """A certificate by the CA of that name, or its own; of a new key, or the one of that name."""
        if extensions is None:
            extensions = ["basicConstraints=critical,CA:FALSE"] if issuer else []
        command = ["openssl", "req", "-x509", "-days", str(days), "-subj", f"/CN={common_name}"]
        command += ["-key", self.file(key, "key")] if key else [*KEY, "-keyout", self.file(name, "key")]
        if issuer:
            command += ["-CA", self.file(issuer, "pem"), "-CAkey", self.file(issuer, "key")]
        for extension in extensions:
            command += ["-addext", extension]
        subprocess.run([*command, "-out", self.file(name, "pem")], check=True, capture_output=True)
        return self.pem(name)
