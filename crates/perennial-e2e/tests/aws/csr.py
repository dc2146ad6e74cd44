"""CSRs, as `openssl` makes them."""

import subprocess


def csr(name):
    made = subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", "/dev/null", "-subj", f"/CN={name}"], check=True, capture_output=True)
    return made.stdout.decode()
