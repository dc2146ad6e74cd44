"""CA certificates and certificates of theirs."""

from .words import HEX, body

ROWS = [
    (400, "InvalidRequestException", ("POST", "/cacertificate", b"{}")),
    (400, "InvalidRequestException", ("POST", "/cacertificate", body(caCertificate=""))),
    (400, "InvalidRequestException", ("POST", "/cacertificate", body(caCertificate="x" * 65_537))),
    (400, "CertificateValidationException", ("POST", "/cacertificate", body(caCertificate="x" * 65_536))),
    (400, "CertificateValidationException",
     ("POST", "/cacertificate", body(caCertificate="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"))),
    (400, "InvalidRequestException", ("POST", "/cacertificate", body(caCertificate="x", certificateMode="NONE"))),
    (400, "InvalidRequestException", ("POST", "/cacertificate", body(caCertificate="x", tags=[{"key": "a"}]))),
    (400, "InvalidRequestException", ("POST", "/cacertificate?setAsActive=1", body(caCertificate="x"))),
    (400, "InvalidRequestException", ("GET", "/cacertificate/abc")),
    (400, "InvalidRequestException", ("PUT", f"/cacertificate/{HEX}?newStatus=REVOKED")),
    (400, "InvalidRequestException", ("PUT", f"/cacertificate/{HEX}?newAutoRegistrationStatus=on")),
    (400, "InvalidRequestException", ("PUT", f"/cacertificate/{HEX}", body(registrationConfig={}))),
    (400, "InvalidRequestException", ("GET", "/cacertificates?pageSize=0")),
    (400, "InvalidRequestException", ("GET", "/cacertificates?marker=AAAA")),
    (400, "InvalidRequestException", ("GET", f"/certificates-by-ca/{HEX}?marker=AAAA")),
    (400, "InvalidRequestException", ("GET", "/certificates-out-going?marker=AAAA")),
    (400, "InvalidRequestException", ("POST", "/certificate/register", b"{}")),
    (400, "CertificateValidationException", ("POST", "/certificate/register", body(certificatePem="x"))),
    (400, "InvalidRequestException", ("POST", "/certificate/register", body(certificatePem="x", status="active"))),
    (400, "InvalidRequestException",
     ("POST", "/certificate/register-no-ca", body(certificatePem="x", caCertificatePem="x"))),
    (400, "InvalidRequestException", ("PATCH", f"/transfer-certificate/{HEX}")),
    (400, "InvalidRequestException", ("PATCH", f"/transfer-certificate/{HEX}?targetAwsAccount=12")),
    (400, "InvalidRequestException",
     ("PATCH", f"/reject-certificate-transfer/{HEX}", body(rejectReason="x" * 129))),
]
