"""Policies and what they are attached to."""

from .words import HEX, body

ROWS = [
    (400, "InvalidRequestException", ("POST", "/policies/p", body(policyDocument="{}", tags=[{"Key": "a#"}]))),
    (400, "MalformedPolicyException", ("POST", "/policies/p", body(policyDocument='{"Version": "2012-10-17"}'))),
    (400, "MalformedPolicyException", ("POST", "/policies/p/version", body(policyDocument="{"))),
    (400, "InvalidRequestException", ("POST", "/policies/p/version?setAsDefault=yes", body(policyDocument="{}"))),
    (400, "InvalidRequestException", ("GET", "/policies/p/version/%2B1")),
    (400, "InvalidRequestException", ("GET", "/policies/p/version/99999999999")),
    (404, "ResourceNotFoundException", ("DELETE", "/policies/p")),
    (400, "InvalidRequestException", ("PUT", "/target-policies/p", b"{}")),
    (400, "InvalidRequestException", ("PUT", "/target-policies/p", body(target="cert"))),
    (400, "InvalidRequestException", ("POST", "/attached-policies/arn%3Aaws%3Aiot")),
    (404, "ResourceNotFoundException", ("POST", f"/attached-policies/arn%3Aaws%3Aiot%3Alocal-1%3A000000000000%3Acert%2F{HEX}")),
    (400, "InvalidRequestException", ("POST", "/policy-targets/p?marker=AAAA")),
    (400, "InvalidRequestException", ("PUT", "/principal-policies/p")),
    (400, "InvalidRequestException", ("GET", "/principal-policies")),
    (400, "InvalidRequestException", ("GET", "/policy-principals")),
    (400, "InvalidRequestException", ("GET", "/policy-principals", b"", {"x-amzn-iot-policy": "a b"})),
    (400, "InvalidRequestException", ("POST", "/effective-policies", b"{}")),
    (400, "InvalidRequestException", ("POST", "/test-authorization", b"{}")),
    (400, "InvalidRequestException", ("POST", "/test-authorization", body(authInfos=[]))),
    (400, "InvalidRequestException",
     ("POST", "/test-authorization", body(authInfos=[{"actionType": "PUNISH", "resources": []}]))),
]
