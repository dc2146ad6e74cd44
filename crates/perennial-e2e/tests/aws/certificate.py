"""Makes an authority and a certificate of it for subscribers on loopback, in the folder of the argument."""

import sys

from openssl import Pki

pki = Pki(sys.argv[1])
pki.make("ca", "Subscribers", extensions=["basicConstraints=critical,CA:TRUE"])
pki.make("leaf", "localhost", issuer="ca", extensions=[
    "basicConstraints=critical,CA:FALSE", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
