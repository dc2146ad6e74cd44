"""Topic rules by boto3: made, listed, replaced, switched, deleted; destinations; what they do to messages."""

import json
import subprocess
import urllib.parse

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.credentials

from data_plane import EVERYTHING
from harness import Client
from mqtt import Device
from receiver import Receiver
from signed import http, send
from waiting import until

INVALID = ("InvalidRequestException", 400)
ROLE = "arn:aws:iam::000000000000:role/rules"
BUILT_IN = ["perennial_crt_ack", "perennial_crt_err", "perennial_csr_res"]


def rule(sql, *actions, **others):
    return {"sql": sql, "actions": list(actions), "awsIotSqlVersion": "2016-03-23", **others}


def republish(topic, **others):
    return {"republish": {"roleArn": ROLE, "topic": topic, **others}}


def names(iot, **filters):
    pages = iot.get_paginator("list_topic_rules").paginate(PaginationConfig={"PageSize": 2}, **filters)
    return [it["ruleName"] for page in pages for it in page["rules"]]


def lifecycle(iot):
    assert names(iot) == BUILT_IN
    first = rule("SELECT * FROM 'a/+'", republish("b/${topic(2)}", qos=1), description="first")
    iot.create_topic_rule(ruleName="one", topicRulePayload=first, tags="site=7&line=a%20b")
    iot.create_topic_rule(ruleName="one", topicRulePayload=first)
    exists = iot.refused("create_topic_rule", "ResourceAlreadyExistsException", 409,
                         ruleName="one", topicRulePayload=rule("SELECT 1 AS x FROM 'a'"))
    shown = iot.get_topic_rule(ruleName="one")
    assert exists["resourceArn"] == shown["ruleArn"], (exists, shown)
    assert {name: shown["rule"][name] for name in first} == first, shown
    assert shown["rule"]["ruleDisabled"] is False and shown["rule"]["ruleName"] == "one"
    tags = iot.list_tags_for_resource(resourceArn=shown["ruleArn"])["tags"]
    assert tags == [{"Key": "line", "Value": "a b"}, {"Key": "site", "Value": "7"}], tags

    iot.disable_topic_rule(ruleName="one")
    assert names(iot) == ["one"] + BUILT_IN and names(iot, ruleDisabled=True) == ["one"]
    assert names(iot, topic="a/x") == ["one"] and names(iot, topic="c") == []
    iot.enable_topic_rule(ruleName="one")
    iot.replace_topic_rule(ruleName="one", topicRulePayload=rule("SELECT 1 AS x FROM 'c'"))
    assert iot.get_topic_rule(ruleName="one")["rule"]["sql"] == "SELECT 1 AS x FROM 'c'"
    iot.delete_topic_rule(ruleName="one")
    iot.delete_topic_rule(ruleName="one")
    for operation in ["get_topic_rule", "enable_topic_rule", "disable_topic_rule"]:
        iot.refused(operation, "UnauthorizedException", 401, ruleName="one")
    iot.refused("replace_topic_rule", "UnauthorizedException", 401, ruleName="one", topicRulePayload=first)


def refusals(iot):
    said = iot.refused("create_topic_rule", "SqlParseException", 400, ruleName="bad",
                       topicRulePayload=rule("SELECT *\nFORM 'a'"))
    assert "line 2, column 1" in said["message"] and "FROM" in said["message"], said
    loop = iot.refused("create_topic_rule", *INVALID, ruleName="bad",
                       topicRulePayload=rule("SELECT * FROM 'a/#'", republish("a/${clientid()}")))
    assert "rule bad takes by 'a/#'" in loop["message"], loop
    for payload in [rule("SELECT * FROM 'a'", {"dynamoDB": {"tableName": "t", "roleArn": ROLE,
                                                            "hashKeyField": "a", "hashKeyValue": "b"}}),
                    rule("SELECT * FROM 'a'", {"http": {"url": "http://example.com"}}),
                    rule("SELECT * FROM 'a'", republish("b/#")),
                    rule("SELECT * FROM 'a'", awsIotSqlVersion="2015-10-08")]:
        iot.refused("create_topic_rule", *INVALID, ruleName="bad", topicRulePayload=payload)
    built_in = iot.get_topic_rule(ruleName="perennial_csr_res")["rule"]
    assert built_in["sql"] == "SELECT clientid() AS clientid, * FROM 'management/topic/+/csr_res'", built_in
    inbox = built_in["actions"][0]
    assert inbox["lambda"]["functionArn"].endswith(":function:perennial-rotation-inbox")
    for operation in ["delete_topic_rule", "disable_topic_rule"]:
        iot.refused(operation, *INVALID, ruleName="perennial_csr_res")
    for name, actions in [("perennial_x", []), ("bad", [inbox])]:
        iot.refused("create_topic_rule", *INVALID, ruleName=name, topicRulePayload=rule("SELECT * FROM 'a'", *actions))
    assert names(iot) == BUILT_IN


def destinations(iot, receiver):
    url = receiver.url("/in")
    made = iot.create_topic_rule_destination(
        destinationConfiguration={"httpUrlConfiguration": {"confirmationUrl": url}})["topicRuleDestination"]
    assert (made["status"], made["httpUrlProperties"]) == ("IN_PROGRESS", {"confirmationUrl": url})
    iot.refused("create_topic_rule_destination", "ResourceAlreadyExistsException", 409,
                destinationConfiguration={"httpUrlConfiguration": {"confirmationUrl": url}})
    path, fields, body = receiver.next()
    asked = json.loads(body)
    token = asked["confirmationToken"]
    assert path == f"/in/?confirmationToken={token}" and asked["arn"] == made["arn"], (path, asked)
    assert fields["x-amz-rules-engine-message-type"] == asked["messageType"] == "DestinationConfirmation"
    iot.refused("update_topic_rule_destination", *INVALID, arn=made["arn"], status="ENABLED")
    iot.refused("confirm_topic_rule_destination", *INVALID, confirmationToken="00" * 32)
    iot.confirm_topic_rule_destination(confirmationToken=token)
    status = lambda: iot.get_topic_rule_destination(arn=made["arn"])["topicRuleDestination"]["status"]
    assert status() == "ENABLED"
    iot.update_topic_rule_destination(arn=made["arn"], status="DISABLED")
    assert status() == "DISABLED"
    listed = iot.list_topic_rule_destinations()["destinationSummaries"]
    assert [it["httpUrlSummary"] for it in listed] == [{"confirmationUrl": url}]

    iot.update_topic_rule_destination(arn=made["arn"], status="IN_PROGRESS")
    again = json.loads(receiver.next()[2])
    assert http.request("GET", asked["enableUrl"]).status == 400
    assert http.request("GET", again["enableUrl"]).status == 200 and status() == "ENABLED"
    iot.delete_topic_rule_destination(arn=made["arn"])
    iot.refused("get_topic_rule_destination", "ResourceNotFoundException", 404, arn=made["arn"])


def letters(**query):
    answer = send("GET", "/api/v1/dead-letters?" + urllib.parse.urlencode(query))
    assert answer.status == 200, answer.data
    return json.loads(answer.data)["deadLetters"]


def routing(iot, receiver):
    """What a device says goes where its rules say; nobody can pretend to be somebody else."""
    data = Client("iot-data")
    device, listener = Device(iot, "router", EVERYTHING), Device(iot, "listener-2", EVERYTHING)
    listener.subscribes("out/#")
    enriched = "SELECT *, clientid() AS clientid, topic(2) AS site FROM 'in/+' WHERE pressure > 3"
    http_action = {"http": {"url": receiver.url("/data/${topic(2)}"), "confirmationUrl": receiver.url("/data"),
                            "headers": [{"key": "X-Device", "value": "${clientid()}"}],
                            "auth": {"sigv4": {"signingRegion": "eu-1", "serviceName": "execute-api",
                                               "roleArn": ROLE}}}}
    iot.create_topic_rule(ruleName="route", topicRulePayload=rule(
        enriched, republish("out/${topic(2)}", qos=1), http_action, errorAction=republish("out/failed", qos=1)))
    asked = json.loads(receiver.next()[2])
    assert http.request("GET", asked["enableUrl"]).status == 200

    def publish(pressure):
        message = json.dumps({"pressure": pressure, "clientid": "somebody else"})
        subprocess.run(device.command("mosquitto_pub", "-t", "in/north", "-m", message), check=True, timeout=60)

    publish(1)
    publish(4)
    heard = listener.hears()
    wanted = {"pressure": 4, "clientid": "router", "site": "north"}
    assert heard["topic"] == "out/north" and json.loads(heard["payload"]) == wanted, heard
    path, fields, body = receiver.next()
    assert (path, json.loads(body), fields["x-device"]) == ("/data/north", wanted, "router"), (path, body)
    signed(receiver.url(path), fields, body)

    receiver.status = 500
    publish(5)
    assert listener.hears()["topic"] == "out/north"
    failed = listener.hears()
    told = json.loads(failed["payload"])
    assert failed["topic"] == "out/failed" and told["ruleName"] == "route" and told["clientId"] == "router", failed
    assert told["failures"][0]["failedAction"] == "HttpAction", told
    assert told["failures"][0]["failedResource"] == receiver.url("/data/north"), told
    kept = until(lambda: letters(ruleName="route"), "no dead letter")[0]
    assert (kept["action"], kept["clientId"], kept["topic"]) == ("HttpAction", "router", "in/north"), kept
    assert "500" in kept["reason"], kept
    receiver.status = 200
    while not receiver.heard.empty():
        receiver.next()
    assert send("PUT", f"/api/v1/dead-letters/{kept['id']}/replay").status == 200
    assert json.loads(receiver.next()[2])["pressure"] == 5
    until(lambda: not letters(ruleName="route"), "the letter does not arrive")

    receiver.status, receiver.headers = 302, {"location": "http://127.0.0.1:1/"}
    publish(6)
    receiver.next()
    redirected = until(lambda: letters(ruleName="route"), "no dead letter")[0]
    assert "redirects are not followed" in redirected["reason"], redirected
    receiver.status, receiver.headers = 200, {}
    iot.disable_topic_rule(ruleName="route")
    data.publish(topic="in/south", qos=1, payload=b'{"pressure": 9}')
    iot.enable_topic_rule(ruleName="route")
    data.publish(topic="in/south", qos=1, payload=b'{"pressure": 10}')
    assert json.loads(receiver.next()[2]) == {"pressure": 10, "clientid": "n/a", "site": "south"}
    iot.delete_topic_rule(ruleName="route")
    device.forget()
    listener.forget()


def batches(iot, receiver):
    """Several messages in one request, as the rule's limits have it."""
    data = Client("iot-data")
    action = {"http": {"url": receiver.url("/data/batch"), "confirmationUrl": receiver.url("/data"),
                       "headers": [{"key": "X-Last", "value": "${n}"}], "enableBatching": True,
                       "batchConfig": {"maxBatchOpenMs": 200, "maxBatchSize": 2, "maxBatchSizeBytes": 1000}}}
    iot.create_topic_rule(ruleName="batch", topicRulePayload=rule("SELECT * FROM 'batch'", action))
    shown = iot.get_topic_rule(ruleName="batch")["rule"]["actions"]
    assert shown == [action], shown
    for n in range(3):
        data.publish(topic="batch", qos=1, payload=json.dumps({"n": n}))
    heard = []
    while len(heard) < 3:
        path, fields, body = receiver.next()
        together = json.loads(body)
        assert path == "/data/batch" and fields["content-type"] == "application/json", fields
        assert len(together) <= 2 and fields["x-last"] == str(together[-1]["n"]), (fields, together)
        heard += together
    assert sorted(it["n"] for it in heard) == [0, 1, 2], heard
    iot.delete_topic_rule(ruleName="batch")


def functions(iot, receiver):
    """A function is invoked at the configured endpoint, which is the receiver; and signed."""
    data = Client("iot-data")
    arn = "arn:aws:lambda:local-1:000000000000:function:f"
    iot.create_topic_rule(ruleName="invoke", topicRulePayload=rule(
        "SELECT * FROM 'invoke'", {"lambda": {"functionArn": arn}}))
    data.publish(topic="invoke", qos=1, payload=b'{"a": 1}')
    path, fields, body = receiver.next()
    assert path == f"/2015-03-31/functions/{urllib.parse.quote(arn, safe='')}/invocations", path
    assert (json.loads(body), fields["x-amz-invocation-type"]) == ({"a": 1}, "Event"), fields
    signed(receiver.url(path), fields, body, service="lambda", region="local-1")
    iot.delete_topic_rule(ruleName="invoke")


def people(iot):
    """What a rule makes reaches who subscribed to a notice topic."""
    data, sns = Client("iot-data"), boto3.client("sns")
    listener = Device(iot, "listener-3", EVERYTHING)
    listener.subscribes("told/#")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="mqtt", Endpoint="told/alarms")
    iot.create_topic_rule(ruleName="tell", topicRulePayload=rule(
        "SELECT topic(2) AS site, level FROM 'alarm/+'", {"sns": {"targetArn": topic, "roleArn": ROLE}}))
    data.publish(topic="alarm/north", qos=1, payload=b'{"level": 3, "x": 1}')
    heard = json.loads(listener.hears()["payload"])
    assert heard["TopicArn"] == topic and json.loads(heard["Message"]) == {"site": "north", "level": 3}, heard

    missing = rule("SELECT * FROM 'alarm/+'", {"sns": {"targetArn": topic + "-x", "roleArn": ROLE}})
    iot.replace_topic_rule(ruleName="tell", topicRulePayload=missing)
    data.publish(topic="alarm/north", qos=1, payload=b"{}")
    kept = until(lambda: letters(ruleName="tell"), "no dead letter")[0]
    assert kept["action"] == "SnsAction" and kept["resource"] == topic + "-x", kept
    iot.delete_topic_rule(ruleName="tell")
    sns.delete_topic(TopicArn=topic)
    listener.forget()


def signed(url, fields, body, service="execute-api", region="eu-1"):
    """Holds a request's signature against botocore's."""
    fields = {name.lower(): value for name, value in fields.items()}
    claimed = fields.pop("authorization")
    names = claimed.split("SignedHeaders=")[1].split(",")[0].split(";")
    request = botocore.awsrequest.AWSRequest(method="POST", url=url, data=body,
                                             headers={name: fields[name] for name in names})
    request.context["timestamp"] = fields["x-amz-date"]
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials("AKIARULES", "rules-secret"), service, region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    wanted = signer.signature(text, request)
    assert claimed.endswith("Signature=" + wanted), (claimed, wanted, signer.canonical_request(request))
    assert {"host", "content-type", "x-amz-date"} <= set(names), names


def all_of_it(iot):
    receiver = Receiver()
    lifecycle(iot)
    refusals(iot)
    destinations(iot, receiver)
    routing(iot, receiver)
    batches(iot, receiver)
    people(iot)


if __name__ == "__main__":
    functions(Client(), Receiver())
