"""Headers and signatures."""

import datetime

from signed import region

from .words import HEX, as_, without

now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
minutes = lambda n: datetime.timedelta(minutes=n)


def unknown_key(fields):
    fields["Authorization"] = fields["Authorization"].replace("Credential=PRNL", "Credential=PRNX")


ROWS = [
    # Headers.
    (400, "InvalidRequestException", ("PUT", "/things/pump-1/principals")),
    (400, "InvalidRequestException", ("PUT", "/things/p/principals", b"", {"x-amzn-principal": "arn:aws:iot"})),
    (400, "InvalidRequestException",
     ("PUT", "/things/p/principals", b"", {"x-amzn-principal": f"arn:aws:iot:eu-west-1:000000000000:cert/{HEX}"})),
    # Signatures.
    (403, "InvalidSignatureException", ("GET", "/things", b"", None, "eu-west-1")),
    (403, "InvalidSignatureException", ("GET", "/things", b"", None, region, now - minutes(6))),
    (403, "InvalidSignatureException", ("GET", "/things", b"", None, region, now + minutes(6))),
    (403, "MissingAuthenticationTokenException", ("GET", "/things", b"", None, region, None, without("Authorization"))),
    (403, "MissingAuthenticationTokenException", ("GET", "/nowhere", b"", None, region, None, without("Authorization"))),
    (400, "IncompleteSignatureException", ("GET", "/things", b"", None, region, None, without("X-Amz-Date"))),
    (400, "IncompleteSignatureException", ("GET", "/things", b"", None, region, None, as_("Authorization", "Basic eA=="))),
    (403, "UnrecognizedClientException", ("GET", "/things", b"", None, region, None, as_("X-Amz-Security-Token", "x"))),
    (403, "InvalidSignatureException", ("GET", "/things", b"", None, region, None, as_("x-amzn-principal", "x"))),
    (403, "InvalidSignatureException",
     ("GET", "/things", b"", None, region, None, as_("x-amz-content-sha256", "UNSIGNED-PAYLOAD"))),
    (403, "UnrecognizedClientException", ("GET", "/things", b"", None, region, None, unknown_key)),
]
