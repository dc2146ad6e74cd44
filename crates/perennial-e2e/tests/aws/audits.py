"""Device Defender's audit and mitigation: calls of each operation, and one story through them."""

import datetime

from waiting import until

EXPIRING = "DEVICE_CERTIFICATE_EXPIRING_CHECK"
AUTHORITY = "CA_CERTIFICATE_EXPIRING_CHECK"
ROLE = "arn:aws:iam::000000000000:role/audit"
TOPIC = "arn:aws:sns:local-1:000000000000:audits"

now = lambda: datetime.datetime.now(datetime.timezone.utc)
hours = lambda n: datetime.timedelta(hours=n)
days = lambda n: datetime.timedelta(days=n)


def span():
    """A span of time with everything of this run in it."""
    return {"startTime": now() - hours(1), "endTime": now() + hours(1)}


def pages(iot, operation, result, **arguments):
    """Every item of a list, by the smallest pages that there are."""
    paginator = iot.get_paginator(operation)
    return [item for page in paginator.paginate(PaginationConfig={"PageSize": 1}, **arguments)
            for item in page[result]]


def until_over(describe):
    """Asks until the task is over, and answers it then."""
    return until(lambda: over(describe()), "the task is not over")


def over(task):
    return task if task["taskStatus"] != "IN_PROGRESS" else None


def audit(iot, *checks):
    """Audits on demand, and answers the task when it is over."""
    id = iot.start_on_demand_audit_task(targetCheckNames=list(checks))["taskId"]
    assert until_over(lambda: iot.describe_audit_task(taskId=id))["taskStatus"] == "COMPLETED"
    return id


def configuration(iot):
    before = iot.describe_account_audit_configuration()["auditCheckConfigurations"]
    assert before[EXPIRING]["enabled"] and not before["DEVICE_CERTIFICATE_AGE_CHECK"]["enabled"]

    iot.update_account_audit_configuration(
        roleArn=ROLE,
        auditNotificationTargetConfigurations={"SNS": {"targetArn": TOPIC, "roleArn": ROLE, "enabled": True}},
        auditCheckConfigurations={"DEVICE_CERTIFICATE_AGE_CHECK": {
            "enabled": True, "configuration": {"CERT_AGE_THRESHOLD_IN_DAYS": "90"}}})
    after = iot.describe_account_audit_configuration()
    assert after["roleArn"] == ROLE
    assert after["auditNotificationTargetConfigurations"]["SNS"]["targetArn"] == TOPIC
    checks = after["auditCheckConfigurations"]
    assert checks["DEVICE_CERTIFICATE_AGE_CHECK"]["configuration"] == {"CERT_AGE_THRESHOLD_IN_DAYS": "90"}
    assert checks[EXPIRING]["enabled"]

    for bad in [{"NO_CHECK": {"enabled": True}}, {EXPIRING: {"enabled": False}},
                {EXPIRING: {"enabled": True, "configuration": {"CERT_EXPIRATION_THRESHOLD_IN_DAYS": "29"}}}]:
        iot.refused("update_account_audit_configuration", "InvalidRequestException", 400,
                    auditCheckConfigurations=bad)


def tasks(iot):
    id = audit(iot, EXPIRING, AUTHORITY)
    task = iot.describe_audit_task(taskId=id)
    assert task["taskType"] == "ON_DEMAND_AUDIT_TASK"
    assert task["taskStatistics"]["totalChecks"] == 2 and task["auditDetails"][AUTHORITY]["checkCompliant"]

    listed = pages(iot, "list_audit_tasks", "tasks", **span())
    assert id in [task["taskId"] for task in listed]
    on_demand = pages(iot, "list_audit_tasks", "tasks", taskType="ON_DEMAND_AUDIT_TASK",
                      taskStatus="COMPLETED", **span())
    assert [task["taskId"] for task in on_demand] == [id]
    earlier = {"startTime": now() - days(2), "endTime": now() - days(1)}
    assert pages(iot, "list_audit_tasks", "tasks", **earlier) == []

    iot.refused("cancel_audit_task", "InvalidRequestException", 400, taskId=id)
    iot.refused("cancel_audit_task", "ResourceNotFoundException", 404, taskId="0" * 32)
    iot.refused("describe_audit_task", "ResourceNotFoundException", 404, taskId="0" * 32)
    iot.refused("start_on_demand_audit_task", "InvalidRequestException", 400, targetCheckNames=["NO_CHECK"])
    iot.refused("start_on_demand_audit_task", "InvalidRequestException", 400, targetCheckNames=[])
    disabled = "DEVICE_CERTIFICATE_AGE_CHECK"
    iot.update_account_audit_configuration(auditCheckConfigurations={disabled: {"enabled": False}})
    iot.refused("start_on_demand_audit_task", "InvalidRequestException", 400, targetCheckNames=[disabled])


def schedules(iot):
    made = iot.create_scheduled_audit(scheduledAuditName="last-day", frequency="MONTHLY", dayOfMonth="LAST",
                                      targetCheckNames=[EXPIRING],
                                      tags=[{"Key": "team", "Value": "oil"}])["scheduledAuditArn"]
    assert iot.list_tags_for_resource(resourceArn=made)["tags"] == [{"Key": "team", "Value": "oil"}]
    assert made.endswith(":scheduledaudit/last-day")
    exists = iot.refused("create_scheduled_audit", "ResourceAlreadyExistsException", 409,
                         scheduledAuditName="last-day", frequency="DAILY", targetCheckNames=[EXPIRING])
    assert exists["resourceArn"] == made, exists
    shown = iot.describe_scheduled_audit(scheduledAuditName="last-day")
    assert (shown["dayOfMonth"], shown["targetCheckNames"]) == ("LAST", [EXPIRING])

    iot.update_scheduled_audit(scheduledAuditName="last-day", frequency="WEEKLY", dayOfWeek="TUE")
    shown = iot.describe_scheduled_audit(scheduledAuditName="last-day")
    assert (shown["frequency"], shown["dayOfWeek"], shown.get("dayOfMonth")) == ("WEEKLY", "TUE", None)
    names = [audit["scheduledAuditName"] for audit in pages(iot, "list_scheduled_audits", "scheduledAudits")]
    assert names == ["last-day", "perennial-daily"]

    for name in ["two", "three", "four"]:
        iot.create_scheduled_audit(scheduledAuditName=name, frequency="DAILY", targetCheckNames=[AUTHORITY])
    new = {"scheduledAuditName": "six", "targetCheckNames": [AUTHORITY]}
    iot.refused("create_scheduled_audit", "LimitExceededException", 410, frequency="DAILY", **new)
    iot.refused("create_scheduled_audit", "InvalidRequestException", 400, frequency="MONTHLY", **new)
    for name in ["two", "three", "four", "last-day"]:
        iot.delete_scheduled_audit(scheduledAuditName=name)
    iot.refused("delete_scheduled_audit", "ResourceNotFoundException", 404, scheduledAuditName="two")
    iot.refused("describe_scheduled_audit", "ResourceNotFoundException", 404, scheduledAuditName="two")
    iot.refused("update_scheduled_audit", "ResourceNotFoundException", 404, scheduledAuditName="two")


def suppressions(iot):
    keys = [{"checkName": EXPIRING, "resourceIdentifier": {"deviceCertificateId": digit * 64}} for digit in "ab"]
    expires = now().replace(microsecond=0) + days(1)
    iot.create_audit_suppression(expirationDate=expires, description="known", clientRequestToken="t", **keys[0])
    iot.create_audit_suppression(expirationDate=expires, description="known", clientRequestToken="t", **keys[0])
    iot.refused("create_audit_suppression", "ResourceAlreadyExistsException", 409,
                suppressIndefinitely=True, clientRequestToken="t", **keys[1])
    iot.create_audit_suppression(suppressIndefinitely=True, **keys[1])
    iot.refused("create_audit_suppression", "ResourceAlreadyExistsException", 409,
                suppressIndefinitely=True, **keys[0])
    iot.refused("create_audit_suppression", "InvalidRequestException", 400,
                suppressIndefinitely=True, expirationDate=expires, **keys[0])

    shown = iot.describe_audit_suppression(**keys[0])
    assert (shown["expirationDate"], shown["suppressIndefinitely"]) == (expires, False)
    resources = lambda **filters: [it["resourceIdentifier"] for it in pages(
        iot, "list_audit_suppressions", "suppressions", **filters)]
    assert resources(ascendingOrder=True) == [key["resourceIdentifier"] for key in keys]
    assert resources() == resources(ascendingOrder=True) == resources(ascendingOrder=False)[::-1]
    assert resources(checkName=AUTHORITY) == [] and len(resources(**keys[0])) == 1

    iot.update_audit_suppression(suppressIndefinitely=True, **keys[0])
    shown = iot.describe_audit_suppression(**keys[0])
    assert shown["suppressIndefinitely"] and shown["description"] == "known"
    iot.refused("update_audit_suppression", "InvalidRequestException", 400, suppressIndefinitely=False, **keys[0])
    for key in keys:
        iot.delete_audit_suppression(**key)
        iot.delete_audit_suppression(**key)
        iot.refused("describe_audit_suppression", "ResourceNotFoundException", 404, **key)
        iot.refused("update_audit_suppression", "ResourceNotFoundException", 404, description="", **key)


def actions(iot):
    deactivate = {"updateDeviceCertificateParams": {"action": "DEACTIVATE"}}
    made = iot.create_mitigation_action(actionName="deactivate", roleArn=ROLE, actionParams=deactivate)
    exists = iot.refused("create_mitigation_action", "ResourceAlreadyExistsException", 409,
                         actionName="deactivate", roleArn=ROLE, actionParams=deactivate)
    assert exists["resourceArn"] == made["actionArn"], exists
    shown = iot.describe_mitigation_action(actionName="deactivate")
    assert (shown["actionType"], shown["actionId"]) == ("UPDATE_DEVICE_CERTIFICATE", made["actionId"])

    tell = {"publishFindingToSnsParams": {"topicArn": TOPIC}}
    iot.create_mitigation_action(actionName="tell", roleArn=ROLE, actionParams=tell)
    iot.update_mitigation_action(actionName="tell", roleArn=ROLE + "s")
    assert iot.describe_mitigation_action(actionName="tell")["roleArn"] == ROLE + "s"
    iot.refused("update_mitigation_action", "InvalidRequestException", 400, actionName="tell", actionParams=deactivate)
    names = lambda **filters: [it["actionName"] for it in pages(
        iot, "list_mitigation_actions", "actionIdentifiers", **filters)]
    assert names() == ["deactivate", "tell"] and names(actionType="PUBLISH_FINDING_TO_SNS") == ["tell"]

    iot.create_mitigation_action(actionName="gone", roleArn=ROLE, actionParams=tell)
    iot.delete_mitigation_action(actionName="gone")
    iot.delete_mitigation_action(actionName="gone")
    iot.refused("describe_mitigation_action", "ResourceNotFoundException", 404, actionName="gone")
    iot.refused("update_mitigation_action", "ResourceNotFoundException", 404, actionName="gone")


def story(iot, thing):
    """A thing's expiring certificate: found, not deactivated by mitigation, muted."""
    [principal] = iot.list_thing_principals(thingName=thing)["principals"]
    certificate_id = principal.rpartition("/")[2]
    this = {"deviceCertificateId": certificate_id}
    task = audit(iot, EXPIRING)

    found = pages(iot, "list_audit_findings", "findings", taskId=task, checkName=EXPIRING)
    [finding] = [it for it in found if it["nonCompliantResource"]["resourceIdentifier"] == this]
    assert finding["reasonForNonComplianceCode"] == "CERTIFICATE_APPROACHING_EXPIRATION"
    assert (finding["severity"], finding["isSuppressed"]) == ("MEDIUM", False)
    id = finding["findingId"]
    assert iot.describe_audit_finding(findingId=id)["finding"] == finding
    assert iot.list_related_resources_for_audit_finding(findingId=id)["relatedResources"] == []
    iot.refused("describe_audit_finding", "ResourceNotFoundException", 404, findingId="0" * 32)

    mapping = {EXPIRING: ["tell", "deactivate", "tell"]}
    mitigation = {"taskId": "mend", "target": {"findingIds": [id]}, "auditCheckToActionsMapping": mapping,
                  "clientRequestToken": "mend"}
    assert iot.start_audit_mitigation_actions_task(**mitigation)["taskId"] == "mend"
    iot.start_audit_mitigation_actions_task(**mitigation)
    iot.refused("start_audit_mitigation_actions_task", "TaskAlreadyExistsException", 400,
                **(mitigation | {"clientRequestToken": "another"}))
    iot.refused("start_audit_mitigation_actions_task", "TaskAlreadyExistsException", 400,
                **(mitigation | {"taskId": "another"}))
    ended = until_over(lambda: iot.describe_audit_mitigation_actions_task(taskId="mend"))
    assert ended["taskStatus"] == "FAILED" and ended["taskStatistics"][EXPIRING]["failedFindingsCount"] == 1
    executions = lambda **filters: [(it["actionName"], it["status"], it.get("errorCode")) for it in pages(
        iot, "list_audit_mitigation_actions_executions", "actionsExecutions",
        taskId="mend", findingId=id, **filters)]
    refused = ("deactivate", "FAILED", "DEVICE_WOULD_BE_CUT_OFF")
    assert executions()[1:] == [refused, ("tell", "SKIPPED", None)], executions()
    assert executions(actionStatus="FAILED") == [refused] and executions(actionStatus="PENDING") == []
    status = iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]["status"]
    assert status == "ACTIVE"
    listed = lambda **filters: [it["taskId"] for it in pages(
        iot, "list_audit_mitigation_actions_tasks", "tasks", **span(), **filters)]
    assert "mend" in listed() and listed(findingId=id) == listed(findingId=id, taskStatus="FAILED") == ["mend"]
    assert listed(findingId=id, taskStatus="COMPLETED") == listed(auditTaskId=task) == []
    iot.refused("cancel_audit_mitigation_actions_task", "InvalidRequestException", 400, taskId="mend")
    iot.refused("cancel_audit_mitigation_actions_task", "ResourceNotFoundException", 404, taskId="nobody")
    iot.refused("describe_audit_mitigation_actions_task", "ResourceNotFoundException", 404, taskId="nobody")
    again = mitigation | {"taskId": "again", "clientRequestToken": "again"}
    for change in [{"target": {"findingIds": ["0" * 32]}}, {"target": {}}, {"target": {"auditTaskId": "0" * 32}},
                   {"auditCheckToActionsMapping": {EXPIRING: ["nobody"]}}]:
        iot.refused("start_audit_mitigation_actions_task", "InvalidRequestException", 400, **(again | change))

    iot.create_audit_suppression(checkName=EXPIRING, resourceIdentifier=this, description="being replaced",
                                 expirationDate=now() + days(1))
    second = audit(iot, EXPIRING)
    muted = pages(iot, "list_audit_findings", "findings", taskId=second, listSuppressedFindings=True)
    assert [it["nonCompliantResource"]["resourceIdentifier"] for it in muted] == [this]
    counts = iot.describe_audit_task(taskId=second)["auditDetails"][EXPIRING]
    assert counts["suppressedNonCompliantResourcesCount"] == 1
    both = pages(iot, "list_audit_findings", "findings", resourceIdentifier=this, checkName=EXPIRING, **span())
    assert {it["taskId"]: it["isSuppressed"] for it in both}[second]
    assert not {it["taskId"]: it["isSuppressed"] for it in both}[task]
    iot.refused("list_audit_findings", "InvalidRequestException", 400, startTime=now() - days(181), endTime=now())


def cancelled(iot):
    """Whether a task is still under way is a race that either side may win; both answers are AWS's."""
    id = iot.start_on_demand_audit_task(targetCheckNames=[EXPIRING])["taskId"]
    try:
        iot.cancel_audit_task(taskId=id)
    except iot.exceptions.InvalidRequestException:
        assert iot.describe_audit_task(taskId=id)["taskStatus"] == "COMPLETED"
    else:
        assert iot.describe_audit_task(taskId=id)["taskStatus"] == "CANCELED"

    iot.start_audit_mitigation_actions_task(taskId="stop", target={"auditTaskId": audit(iot, EXPIRING)},
                                            auditCheckToActionsMapping={EXPIRING: ["tell"]})
    status = lambda: iot.describe_audit_mitigation_actions_task(taskId="stop")["taskStatus"]
    try:
        iot.cancel_audit_mitigation_actions_task(taskId="stop")
    except iot.exceptions.InvalidRequestException:
        assert status() == "COMPLETED"
    else:
        assert status() == "CANCELED"


def deleted(iot):
    iot.refused("delete_account_audit_configuration", "InvalidRequestException", 400)
    iot.delete_account_audit_configuration(deleteScheduledAudits=True)
    checks = iot.describe_account_audit_configuration()["auditCheckConfigurations"]
    assert not any(check["enabled"] for check in checks.values())
    assert pages(iot, "list_scheduled_audits", "scheduledAudits") == []
    iot.refused("delete_account_audit_configuration", "ResourceNotFoundException", 404)
    iot.refused("update_account_audit_configuration", "InvalidRequestException", 400, roleArn=ROLE)
