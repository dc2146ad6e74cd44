"""Audits and mitigation."""

import datetime

from .words import HEX, body

seconds = int(datetime.datetime.now().timestamp())
TASK = "0" * 32
EXPIRING = "DEVICE_CERTIFICATE_EXPIRING_CHECK"
muted = {"checkName": EXPIRING, "resourceIdentifier": {"deviceCertificateId": HEX}, "clientRequestToken": "t"}
action = {"roleArn": "arn:aws:iam::000000000000:role/audit",
          "actionParams": {"updateDeviceCertificateParams": {"action": "DEACTIVATE"}}}

ROWS = [
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
]
