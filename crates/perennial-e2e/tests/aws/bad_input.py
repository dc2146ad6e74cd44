"""Bad input gets AWS's error for it: each row is sent signed, but as no SDK would send it."""

import datetime
import json
import sys

from signed import region, send

long = "x" * 129
HEX = "0" * 64
now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
minutes = lambda n: datetime.timedelta(minutes=n)
without = lambda name: lambda fields: fields.pop(name)
as_ = lambda name, value: lambda fields: fields.update({name: value})
policy = json.dumps({"policyDocument": "{}"}).encode()
deep = b"[" * 100_000
body = lambda **members: json.dumps(members).encode()
seconds = int(datetime.datetime.now().timestamp())
TASK = "0" * 32
EXPIRING = "DEVICE_CERTIFICATE_EXPIRING_CHECK"
muted = {"checkName": EXPIRING, "resourceIdentifier": {"deviceCertificateId": HEX}, "clientRequestToken": "t"}
action = {"roleArn": "arn:aws:iam::000000000000:role/audit",
          "actionParams": {"updateDeviceCertificateParams": {"action": "DEACTIVATE"}}}

ROWS = [
    # What is not there.
    (404, "UnknownOperationException", ("GET", "/nowhere")),
    (404, "UnknownOperationException", ("PATCH", "/things")),
    (404, "ResourceNotFoundException", ("GET", f"/certificates/{HEX}")),
    # Names and ids.
    (400, "InvalidRequestException", ("GET", f"/things/{long}")),
    (400, "InvalidRequestException", ("GET", "/things/a%20b")),
    (400, "InvalidRequestException", ("GET", "/things/%FF")),
    (400, "InvalidRequestException", ("GET", "/things/a%2Fb")),
    (400, "InvalidRequestException", ("GET", f"/policies/{long}")),
    (400, "InvalidRequestException", ("GET", "/certificates/abc")),
    (400, "InvalidRequestException", ("GET", f"/certificates/{'g' * 64}")),
    # Query strings.
    (400, "InvalidRequestException", ("GET", "/things?maxResults=0")),
    (400, "InvalidRequestException", ("GET", "/things?maxResults=251")),
    (400, "InvalidRequestException", ("GET", "/things?maxResults=-1")),
    (400, "InvalidRequestException", ("GET", "/things?maxResults=ten")),
    (400, "InvalidRequestException", ("GET", "/things?maxResults=1&maxResults=2")),
    (400, "InvalidRequestException", ("GET", "/things?colour=red")),
    (400, "InvalidRequestException", ("GET", "/things?nextToken=AAAA")),
    (400, "InvalidRequestException", ("GET", "/things?nextToken=%21")),
    (400, "InvalidRequestException", ("GET", "/things?nextToken=" + "A" * 4096)),
    (400, "InvalidRequestException", ("GET", "/certificates?isAscendingOrder=yes")),
    (400, "InvalidRequestException", ("PUT", f"/certificates/{HEX}")),
    (400, "InvalidRequestException", ("PUT", f"/certificates/{HEX}?newStatus=active")),
    # Bodies.
    (400, "SerializationException", ("POST", "/policies/p", b"{")),
    (400, "SerializationException", ("POST", "/policies/p", b"\xff")),
    (400, "SerializationException", ("POST", "/policies/p", policy + b"x")),
    (400, "InvalidRequestException", ("POST", "/policies/p", b"[]")),
    (400, "InvalidRequestException", ("POST", "/policies/p", deep)),
    (400, "InvalidRequestException", ("POST", "/policies/p", b"{}")),
    (400, "InvalidRequestException", ("POST", "/policies/p", b'{"policyDocument": 1}')),
    (400, "InvalidRequestException", ("POST", "/policies/p", b'{"policyDocument": "", "policyDocument": ""}')),
    (400, "InvalidRequestException", ("POST", "/policies/p", b'{"policyDocument": "{}", "colour": 1}')),
    (400, "InvalidRequestException", ("GET", "/things", b'{"colour": 1}')),
    (400, "MalformedPolicyException", ("POST", "/policies/p", policy)),
    (400, "InvalidRequestException", ("POST", "/certificates", b'{"certificateSigningRequest": "x"}')),
    (400, "InvalidRequestException",
     ("POST", "/certificates", json.dumps({"certificateSigningRequest": "x" * 5000}).encode())),
    # Things, types, groups, tags.
    (400, "InvalidRequestException", ("POST", f"/things/{long}", b"{}")),
    (400, "InvalidRequestException", ("POST", "/things/t", body(billingGroupName="b"))),
    (400, "InvalidRequestException", ("POST", "/things/t", body(thingTypeName="a b"))),
    (400, "InvalidRequestException", ("POST", "/things/t", body(attributePayload={"attributes": {"a b": "1"}}))),
    (400, "InvalidRequestException", ("POST", "/things/t", body(attributePayload={"attributes": {"a": "b c"}}))),
    (400, "InvalidRequestException", ("POST", "/things/t", body(attributePayload={"attributes": {"a": "v" * 801}}))),
    (400, "InvalidRequestException", ("POST", "/things/t", body(attributePayload={"attributes": {"n" * 129: "1"}}))),
    (400, "InvalidRequestException", ("POST", "/things/t", body(attributePayload={"colour": "red"}))),
    (400, "InvalidRequestException",
     ("POST", "/things/t", body(attributePayload={"attributes": {f"a{n}": "1" for n in range(51)}}))),
    (404, "ResourceNotFoundException", ("POST", "/things/t", body(thingTypeName="nothing"))),
    (400, "InvalidRequestException", ("PATCH", "/things/t", body(expectedVersion=-1))),
    (400, "InvalidRequestException", ("PATCH", "/things/t", body(expectedVersion="1"))),
    (400, "InvalidRequestException", ("DELETE", "/things/t?expectedVersion=one")),
    (400, "InvalidRequestException", ("GET", "/things?attributeName=site")),
    (400, "InvalidRequestException", ("GET", "/things?attributeValue=north")),
    (400, "InvalidRequestException", ("GET", "/things?attributeName=a%20b&attributeValue=c")),
    (400, "InvalidRequestException", ("GET", "/things?usePrefixAttributeValue=true")),
    (400, "InvalidRequestException", ("POST", "/thing-types/t", body(thingTypeProperties={"mqtt5Configuration": {}}))),
    (400, "InvalidRequestException",
     ("POST", "/thing-types/t", body(thingTypeProperties={"thingTypeDescription": "x" * 2029}))),
    (400, "InvalidRequestException",
     ("POST", "/thing-types/t", body(thingTypeProperties={"searchableAttributes": ["a", "b", "c", "d"]}))),
    (400, "InvalidRequestException", ("POST", "/thing-types/t", body(tags=[{"Key": "", "Value": ""}]))),
    (400, "InvalidRequestException", ("POST", "/thing-types/t", body(tags=[{"Key": "aws:x", "Value": ""}]))),
    (400, "InvalidRequestException", ("POST", "/thing-types/t", body(tags=[{"Key": "a", "Colour": "red"}]))),
    (400, "InvalidRequestException", ("POST", "/thing-types/t", body(tags=[{"Key": "a"}, {"Key": "a"}]))),
    (410, "LimitExceededException", ("POST", "/thing-types/t", body(tags=[{"Key": f"k{n}"} for n in range(51)]))),
    (400, "InvalidRequestException", ("POST", "/thing-groups/g", body(parentGroupName=long))),
    (400, "InvalidRequestException",
     ("POST", "/thing-groups/g", body(thingGroupProperties={"attributePayload": {"attributes": {"a": "b c"}}}))),
    (400, "InvalidRequestException",
     ("POST", "/thing-groups/g", body(thingGroupProperties={"thingGroupDescription": "two\nlines"}))),
    (400, "InvalidRequestException", ("PATCH", "/thing-groups/g", b"{}")),
    (400, "InvalidRequestException", ("GET", "/thing-groups?nextToken=AAAA")),
    (400, "InvalidRequestException",
     ("PUT", "/thing-groups/updateThingGroupsForThing", body(thingName="t", thingGroupsToAdd=["g"] * 251))),
    (400, "InvalidRequestException", ("PUT", "/thing-groups/updateThingGroupsForThing", b"{}")),
    (400, "InvalidRequestException", ("GET", "/tags")),
    (400, "InvalidRequestException", ("GET", "/tags?resourceArn=x&nextToken=AAAA")),
    # Policies.
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
    # Audits.
    (400, "InvalidRequestException", ("POST", "/audit/tasks", body(targetCheckNames=["NO_CHECK"]))),
    (400, "InvalidRequestException", ("POST", "/audit/tasks", body(targetCheckNames="LOGGING_DISABLED_CHECK"))),
    (400, "InvalidRequestException", ("GET", "/audit/tasks?startTime=2030-01-01T00%3A00%3A00Z")),
    (400, "InvalidRequestException", ("GET", "/audit/tasks?startTime=soon&endTime=2030-01-01T00%3A00%3A00Z")),
    (400, "InvalidRequestException",
     ("GET", "/audit/tasks?startTime=2030-01-01T00%3A00%3A00Z&endTime=2031-01-01T00%3A00%3A00Z&nextToken=AAAA")),
    (400, "InvalidRequestException", ("GET", "/audit/tasks/abc")),
    (400, "InvalidRequestException", ("POST", "/audit/findings", b"{}")),
    (400, "InvalidRequestException", ("POST", "/audit/findings", body(taskId=TASK, maxResults=251))),
    (400, "InvalidRequestException", ("POST", "/audit/findings", body(taskId=TASK, checkName="NO_CHECK"))),
    (400, "InvalidRequestException", ("POST", "/audit/findings", body(taskId=TASK, nextToken="AAAA"))),
    (400, "InvalidRequestException", ("POST", "/audit/findings", body(taskId=TASK, startTime=1, endTime=2))),
    (400, "InvalidRequestException", ("POST", "/audit/findings", body(startTime=seconds, endTime=seconds - 1))),
    (400, "InvalidRequestException", ("POST", "/audit/findings", body(startTime=seconds))),
    (400, "InvalidRequestException",
     ("POST", "/audit/findings", body(startTime=seconds - 181 * 86400, endTime=seconds))),
    (400, "InvalidRequestException", ("POST", "/audit/findings", body(taskId=TASK, resourceIdentifier={}))),
    (400, "InvalidRequestException", ("PATCH", "/audit/configuration", body(roleArn="short"))),
    (400, "InvalidRequestException",
     ("PATCH", "/audit/configuration", body(auditNotificationTargetConfigurations={"MAIL": {}}))),
    (400, "InvalidRequestException",
     ("PATCH", "/audit/configuration", body(auditCheckConfigurations={EXPIRING: {"enabled": True, "colour": 1}}))),
    (400, "InvalidRequestException", ("POST", "/audit/suppressions/create", body(**muted))),
    (400, "InvalidRequestException",
     ("POST", "/audit/suppressions/create", body(**muted, expirationDate=seconds - 1))),
    (400, "InvalidRequestException",
     ("POST", "/audit/suppressions/create", body(**muted, suppressIndefinitely=True, description="a\nb"))),
    (400, "InvalidRequestException",
     ("POST", "/audit/suppressions/create",
      body(**(muted | {"clientRequestToken": "a b"}), suppressIndefinitely=True))),
    (400, "InvalidRequestException",
     ("POST", "/audit/suppressions/create",
      body(**(muted | {"resourceIdentifier": {"clientId": "a"}}), suppressIndefinitely=True))),
    (400, "InvalidRequestException", ("POST", "/audit/scheduledaudits/a%20b",
                                      body(frequency="DAILY", targetCheckNames=[EXPIRING]))),
    (400, "InvalidRequestException", ("POST", "/audit/scheduledaudits/a",
                                      body(frequency="MONTHLY", dayOfMonth="32", targetCheckNames=[EXPIRING]))),
    (400, "InvalidRequestException", ("POST", "/mitigationactions/actions/a.b", body(**action))),
    (400, "InvalidRequestException", ("POST", "/mitigationactions/actions/a", body(**action, tags=[{"Key": "a#"}]))),
    (400, "InvalidRequestException", ("POST", "/mitigationactions/actions/a", body(**(action | {"actionParams": {}})))),
    (400, "InvalidRequestException",
     ("POST", "/mitigationactions/actions/a", body(**(action | {"actionParams": {
         "updateDeviceCertificateParams": {"action": "DEACTIVATE"},
         "updateCACertificateParams": {"action": "DEACTIVATE"}}})))),
    (400, "InvalidRequestException",
     ("POST", "/mitigationactions/actions/a", body(**(action | {"actionParams": {
         "updateDeviceCertificateParams": {"action": "DEACTIVATE", "colour": 1}}})))),
    (400, "InvalidRequestException",
     ("POST", "/mitigationactions/actions/a",
      body(**(action | {"actionParams": {"addThingsToThingGroupParams": {"thingGroupNames": []}}})))),
    # CAs.
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
    # Events.
    (400, "InvalidRequestException",
     ("PATCH", "/event-configurations", body(eventConfigurations={"NOTHING": {"Enabled": True}}))),
    (400, "InvalidRequestException",
     ("PATCH", "/event-configurations", body(eventConfigurations={"THING": {"enabled": True}}))),
    (400, "InvalidRequestException",
     ("PATCH", "/event-configurations", body(eventConfigurations={"THING": True}))),
    (413, "RequestEntityTooLargeException", ("POST", "/policies/p", b" " * (1024 * 1024 + 1))),
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
]


def unknown_key(fields):
    fields["Authorization"] = fields["Authorization"].replace("Credential=PRNL", "Credential=PRNX")


ROWS.append((403, "UnrecognizedClientException", ("GET", "/things", b"", None, region, None, unknown_key)))

# Of the data plane.
PAYLOAD = "x-amz-mqtt5-payload-format-indicator"
DATA = [
    (404, "UnknownOperationException", ("GET", "/things")),
    (404, "UnknownOperationException", ("POST", "/topics/")),
    (404, "UnknownOperationException", ("PUT", "/topics/a")),
    (400, "InvalidRequestException", ("POST", "/topics/a?qos=2")),
    (400, "InvalidRequestException", ("POST", "/topics/a?retain=1")),
    (400, "InvalidRequestException", ("POST", "/topics/a?colour=red")),
    (400, "InvalidRequestException", ("POST", "/topics/%FF")),
    (400, "InvalidRequestException", ("POST", "/topics/" + "a" * 257)),
    (400, "InvalidRequestException", ("POST", "/topics/a?messageExpiry=4294967296")),
    (400, "InvalidRequestException", ("POST", "/topics/a", b"", {PAYLOAD: "UTF-8"})),
    (400, "InvalidRequestException", ("POST", "/topics/a", b"", {"x-amz-mqtt5-user-properties": "W10"})),
    (400, "InvalidRequestException", ("POST", "/topics/a", b"", {"x-amz-mqtt5-correlation-data": "?"})),
    (413, "RequestEntityTooLargeException", ("POST", "/topics/a", b" " * (1024 * 1024 + 1))),
    (403, "InvalidSignatureException", ("POST", "/topics/a", b"", None, region, None, as_(PAYLOAD, "UTF8_DATA"))),
    (404, "ResourceNotFoundException", ("GET", "/retainedMessage/a%2Fb")),
    (400, "InvalidRequestException", ("GET", "/retainedMessage?maxResults=201")),
    (400, "InvalidRequestException", ("GET", "/retainedMessage?nextToken=AAAA")),
    (400, "InvalidRequestException", ("DELETE", "/connections/a?cleanSession=1")),
    (404, "ResourceNotFoundException", ("DELETE", "/connections/a?cleanSession=true")),
]

faults = 0
for status, code, arguments, service in [(*row, "iot") for row in ROWS] + [(*row, "iotdata") for row in DATA]:
    response = send(*arguments, service=service)
    got = (response.status, response.headers.get("x-amzn-errortype"))
    problem = None
    if got != (status, code):
        problem = f"{got}, not {(status, code)}"
    elif not isinstance(json.loads(response.data).get("message"), str):
        problem = "no message"
    elif not response.headers.get("x-amzn-requestid"):
        problem = "no request id"
    if problem:
        faults += 1
        shown = [a if len(str(a)) < 200 else "…" for a in arguments[:3]]
        print(f"{shown}: {problem}: {response.data[:300]}", file=sys.stderr)

# None of it left anything behind.
for listed, member in [("/things", "things"), ("/certificates", "certificates"), ("/cacertificates", "certificates"),
                       ("/thing-types", "thingTypes"), ("/thing-groups", "thingGroups"),
                       ("/mitigationactions/actions", "actionIdentifiers")]:
    left = json.loads(send("GET", listed).data)[member]
    if left:
        faults += 1
        print(f"{listed}: {left}", file=sys.stderr)
print(f"{len(ROWS) + len(DATA)} bad requests, {faults} faults", file=sys.stderr if faults else sys.stdout)
sys.exit(1 if faults else 0)
