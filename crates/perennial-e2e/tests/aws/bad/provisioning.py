"""Registering things by templates."""

import json

from .words import body

template = lambda **resources: body(templateBody=json.dumps({"Resources": resources}))
certificate = lambda **properties: {"Type": "AWS::IoT::Certificate", "Properties": properties}

ROWS = [
    (400, "InvalidRequestException", ("POST", "/things", b"{}")),
    (400, "InvalidRequestException", ("POST", "/things", body(templateBody=""))),
    (400, "InvalidRequestException", ("POST", "/things", body(templateBody="[]"))),
    (400, "InvalidRequestException", ("POST", "/things", body(templateBody="[" * 10_000))),
    (400, "InvalidRequestException", ("POST", "/things", body(templateBody=" " * 10_241))),
    (400, "InvalidRequestException", ("POST", "/things", body(templateBody="{}", parameters={"a": 1}))),
    (400, "InvalidRequestException", ("POST", "/things", body(templateBody="{}", parameters={"a": "x" * 4097}))),
    (400, "InvalidRequestException", ("POST", "/things", template())),
    (400, "InvalidRequestException", ("POST", "/things", template(c=certificate()))),
    (400, "InvalidRequestException", ("POST", "/things", template(c=certificate(CertificateId="ab")))),
    (400, "InvalidRequestException", ("POST", "/things", template(c=certificate(CertificateSigningRequest="x")))),
    (400, "CertificateValidationException", ("POST", "/things", template(c=certificate(CertificatePem="x")))),
    (400, "InvalidRequestException",
     ("POST", "/things", template(c=certificate(CertificateId="0" * 64), d=certificate(CertificateId="0" * 64)))),
    (400, "InvalidRequestException", ("POST", "/things", template(t={"Type": "AWS::IoT::Thing"}))),
    (400, "ResourceRegistrationFailureException",
     ("POST", "/things", template(c=certificate(CertificateId="0" * 64)))),
]
