"""Calls every operation of ours, and holds each answer against the document that describes them.

Arguments: the names of all of them. The server has a thing `expiring` whose certificate is about to end."""

import json
import re
import sys
import urllib.parse

import boto3

from csr import csr
from signed import endpoint, http, send
from waiting import until

served = http.request("GET", endpoint + "/api/v1/openapi.json")
assert served.status == 200 and served.headers["content-type"] == "application/json"
document = json.loads(served.data)
operations = {of["operationId"]: (method.upper(), path, of)
              for path, methods in document["paths"].items() for method, of in methods.items()}
called, faults = set(), []


def resolved(schema):
    while "$ref" in schema:
        target = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
    if "allOf" in schema:
        parts = [resolved(part) for part in schema["allOf"]]
        schema = {"type": "object", "required": sum([p.get("required", []) for p in parts], []),
                  "properties": {k: v for p in parts for k, v in p["properties"].items()}}
    return schema


KINDS = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "array": list, "object": dict}


def check(where, schema, value):
    schema = resolved(schema)
    kind = schema.get("type")
    if kind is None:
        return
    if not isinstance(value, KINDS[kind]) or isinstance(value, bool) != (kind == "boolean"):
        faults.append(f"{where}: {value!r} is no {kind}")
    elif kind == "object":
        properties = schema["properties"]
        for name in value.keys() - properties.keys():
            faults.append(f"{where}.{name}: not in the document")
        for name in set(schema.get("required", [])) - value.keys():
            faults.append(f"{where}.{name}: missing")
        for name in value.keys() & properties.keys():
            check(f"{where}.{name}", properties[name], value[name])
    elif kind == "array":
        for item in value:
            check(where, schema["items"], item)
    elif "enum" in schema and value not in schema["enum"]:
        faults.append(f"{where}: {value!r} is none of {schema['enum']}")
    elif "pattern" in schema and not re.search(schema["pattern"], value):
        faults.append(f"{where}: {value!r} does not match {schema['pattern']}")


def ask(name, body=None, query=None, **path):
    method, template, described = operations[name]
    target = template.format(**path) + ("?" + urllib.parse.urlencode(query) if query else "")
    response = send(method, target, json.dumps(body).encode() if body is not None else b"")
    answer = json.loads(response.data)
    called.add(name)
    if response.status == 200:
        assert response.headers["content-type"] == "application/json"
        schema = described["responses"]["200"]["content"]["application/json"]["schema"]
        check(name, schema, answer)
    else:
        error = document["components"]["responses"]["Error"]
        check(name, error["content"]["application/json"]["schema"], answer)
    return response.headers.get("x-amzn-errortype") or answer


def done(name, *arguments, **path):
    answer = ask(name, *arguments, **path)
    assert isinstance(answer, dict), f"{name} {arguments} {path}: {answer}"
    return answer


def pages(name, member, query=None, size=2, **path):
    items, query = [], {"maxResults": size, **(query or {})}
    while True:
        page = done(name, None, query, **path)
        assert len(page[member]) <= size
        items += page[member]
        if "nextToken" not in page:
            return items
        query["nextToken"] = page["nextToken"]


def enrolment():
    request = csr("pump-1")
    first = done("EnrollDevice", {"certificateSigningRequest": request, "validitySeconds": 86400}, thingName="pump-1")
    assert first["created"] and first["deactivatedCertificateIds"] == []
    again = done("EnrollDevice", {"certificateSigningRequest": request}, thingName="pump-1")
    assert not again["created"] and again["certificatePem"] == first["certificatePem"]
    assert ask("EnrollDevice", {"certificateSigningRequest": request}, thingName="pump-2") == "InvalidRequestException"

    other = csr("pump-1")
    assert ask("EnrollDevice", {"certificateSigningRequest": other}, thingName="pump-1") == "ConflictException"
    beside = done("EnrollDevice", {"certificateSigningRequest": other, "otherCertificates": "KEEP"}, thingName="pump-1")
    assert beside["created"] and beside["certificateId"] != first["certificateId"]
    third = done("EnrollDevice", {"certificateSigningRequest": csr("pump-1"), "otherCertificates": "DEACTIVATE",
                                  "policyNames": []}, thingName="pump-1")
    assert set(third["deactivatedCertificateIds"]) == {first["certificateId"], beside["certificateId"]}
    for bad in [{"certificateSigningRequest": "x"}, {"certificateSigningRequest": request, "validitySeconds": 0},
                {"certificateSigningRequest": request, "validitySeconds": 10**12}, {}, {"colour": 1}]:
        assert ask("EnrollDevice", bad, thingName="pump-3") == "InvalidRequestException", bad
    assert ask("EnrollDevice", {"certificateSigningRequest": csr("pump-3"), "policyNames": ["nobody"]},
               thingName="pump-3") == "ResourceNotFoundException"
    return third["certificateId"]


def forced_mitigation():
    """What would cut a device off is done when somebody insists, and only then."""
    iot, role = boto3.client("iot"), "arn:aws:iam::000000000000:role/mitigate"
    made = done("EnrollDevice", {"certificateSigningRequest": csr("lost-1"), "validitySeconds": 86400}, thingName="lost-1")
    this = {"deviceCertificateId": made["certificateId"]}
    task = iot.start_on_demand_audit_task(targetCheckNames=["DEVICE_CERTIFICATE_EXPIRING_CHECK"])["taskId"]
    over(lambda: iot.describe_audit_task(taskId=task))
    [finding] = iot.list_audit_findings(taskId=task, resourceIdentifier=this)["findings"]
    id = finding["findingId"]
    iot.create_mitigation_action(actionName="cut", roleArn=role,
                                 actionParams={"updateDeviceCertificateParams": {"action": "DEACTIVATE"}})
    status = lambda: iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]["status"]
    executed = lambda task: iot.list_audit_mitigation_actions_executions(taskId=task, findingId=id)["actionsExecutions"]

    iot.start_audit_mitigation_actions_task(taskId="careful", target={"findingIds": [id]},
                                            auditCheckToActionsMapping={finding["checkName"]: ["cut"]})
    over(lambda: iot.describe_audit_mitigation_actions_task(taskId="careful"))
    assert executed("careful")[0]["errorCode"] == "DEVICE_WOULD_BE_CUT_OFF" and status() == "ACTIVE"
    body = {"actionNames": ["cut"], "clientRequestToken": "insist"}
    forced = done("ForceMitigation", body, findingId=id)["taskId"]
    assert done("ForceMitigation", body, findingId=id)["taskId"] == forced == "forced-insist"
    over(lambda: iot.describe_audit_mitigation_actions_task(taskId=forced))
    assert executed(forced)[0]["status"] == "COMPLETED" and status() == "INACTIVE"
    for bad in [{}, {"actionNames": [], "clientRequestToken": "a"}, body | {"colour": 1},
                {"actionNames": ["nobody"], "clientRequestToken": "b"}]:
        assert ask("ForceMitigation", bad, findingId=id) == "InvalidRequestException", bad
    assert ask("ForceMitigation", body, findingId="0" * 32) == "ResourceNotFoundException"


def over(describe):
    until(lambda: describe()["taskStatus"] != "IN_PROGRESS", "the task is not over")


def rotations(certificate):
    assert ask("StartRotation", {"thingName": "nobody"}) == "ResourceNotFoundException"
    assert ask("StartRotation", {"thingName": "pump-1", "certificateId": "0" * 64}) == "ConflictException"
    started = done("StartRotation", {"thingName": "pump-1"})
    id = started["rotationId"]
    assert not started["alreadyOpen"] and started["outgoingCertificateId"] == certificate
    again = done("StartRotation", {"thingName": "pump-1", "certificateId": certificate.upper()})
    assert again["alreadyOpen"] and again["rotationId"] == id and again["turnAdvanced"]
    assert ask("StartRotation", {"thingName": "pump-1", "certificateId": "0" * 64}) == "ConflictException"
    other = done("StartRotation", {"thingName": "expiring"})

    down = [r["rotationId"] for r in pages("ListRotations", "rotations", size=1)]
    up = [r["rotationId"] for r in pages("ListRotations", "rotations", {"isAscendingOrder": "true"}, size=1)]
    assert {id, other["rotationId"]} <= set(down) and up == down[::-1], (up, down)
    by_name = [r["thingName"] for r in pages("ListRotations", "rotations", {"open": "true"}, size=1)]
    assert by_name == ["pump-1", "expiring"], by_name
    of_thing = pages("ListRotations", "rotations", {"thingName": "pump-1"})
    assert [r["rotationId"] for r in of_thing] == [id]
    assert [r["rotationId"] for r in pages("ListRotations", "rotations", {"state": "Failed"})] == []
    assert ask("ListRotations", None, {"state": "Nowhere"}) == "InvalidRequestException"
    assert ask("ListRotations", None, {"maxResults": 0}) == "InvalidRequestException"

    described = done("DescribeRotation", rotationId=id)
    assert described["thingName"] == "pump-1" and described["deviceConnected"] is False
    assert ask("DescribeRotation", rotationId="0" * 32) == "ResourceNotFoundException"
    done("CancelRotation", rotationId=id)
    while "outcome" not in done("DescribeRotation", rotationId=id):
        pass
    shown = done("DescribeRotation", rotationId=id)
    assert shown["state"] == "Failed" and shown["failure"]["name"] == "cancelled", shown
    assert ask("CancelRotation", rotationId=id) == "ConflictException"
    assert ask("CancelRotation", rotationId="0" * 32) == "ResourceNotFoundException"
    lines = pages("ListRotationHistory", "history", size=1, rotationId=id)
    assert lines[-1]["input"] == "Cancelled" and lines[-1]["to"] == "Failed" and lines[-1]["counted"], lines
    assert ask("ListRotationHistory", rotationId="0" * 32) == "ResourceNotFoundException"
    assert [r["rotationId"] for r in pages("ListRotations", "rotations", {"state": "Failed"})] == [id]


def events():
    up = pages("ListEvents", "events", {"isAscendingOrder": "true"}, size=50)
    assert [e["sequence"] for e in up] == list(range(1, len(up) + 1))
    down = pages("ListEvents", "events", size=50)
    assert [e["sequence"] for e in down][-1] == 1 and down[-1] == up[0]
    later = pages("ListEvents", "events", {"isAscendingOrder": "true", "afterSequence": 3}, size=50)
    assert later[0] == up[3]
    asked = [e["body"] for e in up if e["kind"] == "rotation.requested"]
    assert asked and all(body["actor"]["operation"] == "StartRotation" for body in asked)
    kinds = [e["kind"] for e in up]
    assert "rotation.cancellation_requested" in kinds and "rotation.start_requested" in kinds

    verified, token = None, {}
    while verified is None or token:
        verified = done("VerifyEvents", None, token)
        token = {"nextToken": verified["nextToken"]} if "nextToken" in verified else {}
    assert verified["intact"] and verified["lastSequence"] >= len(up)
    assert up[-1]["hash"] == next(e["hash"] for e in pages("ListEvents", "events", size=250)
                                  if e["sequence"] == up[-1]["sequence"])
    assert ask("VerifyEvents", None, {"nextToken": "AAAA"}) == "InvalidRequestException"


def dead_letters():
    """A rule that republishes to a topic of the broker's own fails for good."""
    payload = {"sql": "SELECT * FROM 'dead'", "actions": [{"republish": {"topic": "$$aws/events/x"}}]}
    assert send("POST", "/rules/dying", json.dumps(payload).encode()).status == 200
    for number in range(3):
        assert send("POST", f"/topics/dead?qos=1", b"%d" % number, service="iotdata").status == 200

    def dying():
        return pages("ListDeadLetters", "deadLetters", {"ruleName": "dying"}, size=1)

    kept = until(lambda: len(found := dying()) >= 3 and found, dying)
    assert [it["payload"] for it in kept] == ["MA==", "MQ==", "Mg=="], kept
    assert "reserved" in kept[0]["reason"] and kept[0]["resource"] == "$aws/events/x" and "clientId" not in kept[0], kept
    assert pages("ListDeadLetters", "deadLetters") == kept
    assert pages("ListDeadLetters", "deadLetters", {"ruleName": "other"}) == []
    done("ReplayDeadLetter", id=kept[0]["id"])
    done("DeleteDeadLetter", id=kept[1]["id"])
    for name in ["DeleteDeadLetter", "ReplayDeadLetter"]:
        assert ask(name, id=kept[1]["id"]) == "ResourceNotFoundException"
    left = pages("ListDeadLetters", "deadLetters")
    assert [it["id"] for it in left] == [kept[0]["id"], kept[2]["id"]], left


def access_keys():
    made = done("CreateAccessKey", {"role": "auditor", "description": "x"})
    done("RevokeAccessKey", accessKeyId=made["accessKeyId"])
    assert made["accessKeyId"] in [k["accessKeyId"] for k in pages("ListAccessKeys", "accessKeys")]


def notices():
    sns = boto3.client("sns")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    # More than the broker takes: nobody can deliver it.
    sns.subscribe(TopicArn=topic, Protocol="mqtt", Endpoint="plant/alarms")
    messages = [sns.publish(TopicArn=topic, Message="x" * 200_000)["MessageId"] for _ in range(3)]

    def deliveries():
        return pages("ListDeadNoticeDeliveries", "deliveries", size=1)

    dead = until(lambda: len(found := deliveries()) >= 3 and found, deliveries)
    assert {it["messageId"] for it in dead} == set(messages) and dead[0]["topicArn"] == topic
    assert [(it["protocol"], it["endpoint"], it["state"], it["tries"]) for it in dead] == \
        [("mqtt", "plant/alarms", "DEAD", 1)] * 3 and all(it["said"] for it in dead)

    first = dead[0]["deliveryNumber"]
    done("ReplayNoticeDelivery", deliveryNumber=first)


    def died_again():
        latest = pages("ListDeadNoticeDeliveries", "deliveries")[0]
        return latest if latest["at"] != dead[0]["at"] and latest["deliveryNumber"] == first else None

    again = until(died_again, "it does not die again")
    of_message = pages("ListNoticeDeliveries", "deliveries", messageId=again["messageId"])
    assert of_message == [again], of_message

    sns.delete_topic(TopicArn=topic)
    assert ask("ReplayNoticeDelivery", deliveryNumber=first) in ["ResourceNotFoundException", {}]
    assert ask("ReplayNoticeDelivery", deliveryNumber=10**9) == "ResourceNotFoundException"
    assert ask("ReplayNoticeDelivery", deliveryNumber="x") == "InvalidRequestException"
    assert ask("ListNoticeDeliveries", messageId="x") == "InvalidRequestException"


def told():
    """A cancelled rotation is told of, and so is the first audit."""
    listed = pages("ListNotices", "notices", size=1)
    while not [n for n in listed if n["kind"] == "rotation_failed"]:
        listed = pages("ListNotices", "notices", size=1)
    up = pages("ListNotices", "notices", {"isAscendingOrder": "true", "open": "true"}, size=1)
    assert {n["noticeId"] for n in up} == {n["noticeId"] for n in listed}, (up, listed)
    assert [n["openedAt"] for n in up] == sorted(n["openedAt"] for n in up)
    failed = pages("ListNotices", "notices", {"kind": "rotation_failed"})
    assert [n["foldKey"] for n in failed] == ["rotation_failed/cancelled/operator"], failed
    assert failed[0]["count"] == 1 and failed[0]["sample"][0]["subject"] == "pump-1"
    assert ask("ListNotices", None, {"kind": "colour"}) == "InvalidRequestException"
    id = failed[0]["noticeId"]
    shown = done("DescribeNotice", noticeId=id)
    while shown["deliveries"][0]["status"] != "delivered":
        shown = done("DescribeNotice", noticeId=id)
    assert shown["deliveries"][0]["target"] == "log" and shown["state"] == "awaiting_ack", shown
    acknowledged = done("AcknowledgeNotice", noticeId=id)
    assert acknowledged["state"] == "acknowledged" and acknowledged["acknowledgedBy"].startswith("access key ")
    assert done("AcknowledgeNotice", noticeId=id)["acknowledgedAt"] == acknowledged["acknowledgedAt"]
    for name in ["DescribeNotice", "AcknowledgeNotice"]:
        assert ask(name, noticeId="0" * 32) == "ResourceNotFoundException"
        assert ask(name, noticeId="x") == "InvalidRequestException"


rotations(enrolment())
forced_mitigation()
told()
notices()
events()
dead_letters()
access_keys()
for name in set(sys.argv[1:]) ^ operations.keys():
    faults.append(f"{name}: not both in the document and in the table")
for name in operations.keys() - called:
    faults.append(f"{name}: not called")
for fault in faults:
    print(fault, file=sys.stderr)
sys.exit(1 if faults else 0)
