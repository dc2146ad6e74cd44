"""The data plane: calls of each operation, by the client `iot-data`."""

import base64
import json
import subprocess
import time

from harness import Client
from mqtt import Device
from signed import send
from waiting import until

EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "*", "Resource": "*"}]})
INVALID = ("InvalidRequestException", 400)
NOT_FOUND = ("ResourceNotFoundException", 404)

properties = [{"unit": "bar"}, {"site": "7"}]


def publishing(data, device):
    device.subscribes("plant/#")
    data.publish(topic="plant/7/pressure", qos=1, payload=b'{"p": 4}', contentType="application/json",
                 userProperties=json.dumps(properties), payloadFormatIndicator="UTF8_DATA",
                 responseTopic="plant/answers", correlationData=base64.b64encode(b"c-1").decode(),
                 messageExpiry=60)
    heard = device.hears()
    said = heard["properties"]
    assert (heard["topic"], heard["qos"], heard["payload"]) == ("plant/7/pressure", 1, '{"p": 4}'), heard
    assert said["user-properties"] == {"unit": "bar", "site": "7"} and said["content-type"] == "application/json", said
    assert said["response-topic"] == "plant/answers" and said["correlation-data"] == "c-1", said
    assert said["payload-format-indicator"] == 1 and said["message-expiry-interval"] <= 60, said

    data.publish(topic="plant/7/a b%c", payload=b"x", qos=1, userProperties=properties)
    assert device.hears()["topic"] == "plant/7/a b%c"
    raw = send("POST", "/topics/plant/7/slashes?qos=1", b"x", service="iotdata")
    assert raw.status == 200 and device.hears()["topic"] == "plant/7/slashes", raw.data

    for bad in [{"topic": "plant/+"}, {"topic": "$aws/events/x"}, {"topic": "$perennial/x"},
                {"topic": "$x", "retain": True}, {"topic": "plant", "payload": b"x" * (128 * 1024 + 1)},
                {"topic": "plant", "messageExpiry": 0}, {"topic": "plant", "responseTopic": "a/#"},
                {"topic": "plant", "correlationData": "no base64!"},
                {"topic": "plant", "userProperties": json.dumps({"not": "a list"})},
                {"topic": "plant", "payload": b"\xff", "payloadFormatIndicator": "UTF8_DATA"}]:
        data.refused("publish", *INVALID, **bad)


def retaining(data):
    began = int(time.time() * 1000) - 1
    topics = ["plant/a", "plant/b", "plant/c d"]
    for topic in topics:
        data.publish(topic=topic, payload=b"\x00kept", qos=1, retain=True, userProperties=json.dumps(properties))
    data.publish(topic="plant/plain", payload=b"kept", retain=True)

    shown = data.get_retained_message(topic="plant/a")
    assert (shown["topic"], shown["payload"], shown["qos"]) == ("plant/a", b"\x00kept", 1)
    assert json.loads(shown["userProperties"]) == properties
    assert began < shown["lastModifiedTime"] <= time.time() * 1000 + 1
    assert data.get_retained_message(topic="plant/plain").get("userProperties") is None

    paginator = data.get_paginator("list_retained_messages")
    listed = [it for page in paginator.paginate(PaginationConfig={"PageSize": 1}) for it in page["retainedTopics"]]
    assert [it["topic"] for it in listed] == topics + ["plant/plain"]
    assert [it["payloadSize"] for it in listed] == [5, 5, 5, 4]

    for topic in topics + ["plant/plain"]:
        data.publish(topic=topic, payload=b"", retain=True)
    assert data.list_retained_messages()["retainedTopics"] == []
    data.refused("get_retained_message", *NOT_FOUND, topic="plant/a")


def disconnecting(data, device):
    client = subprocess.Popen(device.kept, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def deleted():
        try:
            data.delete_connection(clientId=device.name, cleanSession=True, preventWillMessage=True)
        except data.exceptions.ResourceNotFoundException:
            return False
        return True

    until(deleted, "it does not connect")
    client.kill()
    data.refused("delete_connection", *NOT_FOUND, clientId="nobody")
    data.refused("delete_connection", *INVALID, clientId="a/b")


def all_of_it(iot):
    data = Client("iot-data")
    device = Device(iot, "listener", EVERYTHING)
    publishing(data, device)
    retaining(data)
    disconnecting(data, device)
    device.forget()
    return data
