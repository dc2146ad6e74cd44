"""A story: a device publishes over HTTPS with its certificate, as far as its policies go, as they are at each
message. Arguments: the policy that devices have."""

import base64
import json
import sys

from harness import Client
from https import Connection, refused
from mqtt import Device
from signed import send

iot = Client()
NOTHING = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Deny", "Action": "iot:Publish", "Resource": "*"}]})


def ok(answer):
    return answer[0] == 200 and answer[1]["message"] == "OK" and answer[1]["traceId"]


def forbidden(answer):
    return answer[0] == 403 and answer[1]["message"] == "Forbidden" and answer[1]["traceId"]


def story(device_policy):
    iot.create_thing(thingName="pump-1")
    own = Device(iot, "pump-1", json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iot:RetainPublish", "Resource": "*"}]}))
    iot.attach_thing_principal(thingName="pump-1", principal=own.arn)
    iot.attach_policy(policyName=device_policy, target=own.arn)
    own.subscribes("devices/pump-1/#")
    https = Connection(own.certificate, own.key)

    assert ok(https.publishes("devices/pump-1/raw", b'{"p": 1}'))
    heard = own.hears()
    assert (heard["topic"], heard["payload"], heard["qos"]) == ("devices/pump-1/raw", '{"p": 1}', 1), heard
    properties = base64.b64encode(b'[{"unit": "bar"}]').decode()
    assert ok(https.publishes("devices%2Fpump-1%2Fencoded", headers={"x-amz-mqtt5-user-properties": properties}))
    heard = own.hears()
    assert heard["topic"] == "devices/pump-1/encoded", heard
    assert heard["properties"]["user-properties"] == {"unit": "bar"}, heard
    assert ok(Connection(own.certificate, own.key, alpn="x-amzn-http-ca").publishes("devices/pump-1/alpn"))
    assert own.hears()["topic"] == "devices/pump-1/alpn"

    assert forbidden(https.publishes("devices/pump-2/x"))
    assert forbidden(https.publishes("$aws/events/x"))
    status, answer = https.publishes("management/topic/pump-1/csr_res")
    assert status == 400 and "MQTT" in answer["message"], answer
    for bad in ["devices/pump-1/+", "devices/pump-1/%FF"]:
        assert https.publishes(bad)[0] == 400, bad
    assert https.publishes("devices/pump-1/x", qos=2)[0] == 400
    assert https.publishes("devices/pump-1/x", b"x" * (128 * 1024 + 1))[0] == 400
    assert https.publishes("devices/pump-1/x", b"x" * (1024 * 1024 + 1))[0] == 413
    assert ok(https.publishes("devices/pump-1/still", qos=0))

    # Without a certificate there is no device; with a signature it is the signer who publishes.
    status, answer = Connection().publishes("devices/pump-1/x")
    assert status == 403 and "Authentication" in answer["message"], answer
    assert send("POST", "/topics/devices%2Fpump-2%2Fx?qos=1", b"{}", service="iotdata").status == 200
    https.http.request("GET", "/things")
    response = https.http.getresponse()
    assert response.status == 403 and b"Authentication" in response.read()

    # Each message is judged anew, also on a connection that stands.
    iot.create_policy(policyName="nothing", policyDocument=NOTHING)
    iot.attach_policy(policyName="nothing", target=own.arn)
    assert forbidden(https.publishes("devices/pump-1/x"))
    iot.detach_policy(policyName="nothing", target=own.arn)
    assert ok(https.publishes("devices/pump-1/x"))
    iot.create_thing(thingName="pump-2")
    iot.attach_thing_principal(thingName="pump-2", principal=own.arn)
    assert forbidden(https.publishes("devices/pump-1/x")), "whose of its two things it is, nobody knows"
    iot.detach_thing_principal(thingName="pump-2", principal=own.arn)
    assert ok(https.publishes("devices/pump-1/x"))

    assert not refused(own.certificate, own.key)
    iot.update_certificate(certificateId=own.id, newStatus="INACTIVE")
    assert forbidden(https.publishes("devices/pump-1/x"))
    assert refused(own.certificate, own.key)


story(sys.argv[1])
