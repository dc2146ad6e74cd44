"""A story: all that a device may do comes from a policy of its group, and goes with it, within a second."""

import queue
import tempfile
import time

import paho.mqtt.client as mqtt

from harness import Client
from policies import document, says
from signed import session

iot = Client()
host, _, port = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"].partition(":")

# From an API's answer until an open session feels what it did.
SOON = 1.0
PATIENCE = 30
MAY = document(
    says("Allow", "Connect", "client/${iot:Connection.Thing.ThingName}"),
    says("Allow", "Publish", "topic/${iot:Connection.Thing.Attributes[site]}/*"),
    says("Allow", "Subscribe", "topicfilter/north/#"), says("Allow", "Receive", "topic/north/*"))


class Device:
    """A device with paho-mqtt, MQTT 5."""

    def __init__(self, name, certificate, key):
        self.answers = queue.Queue()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        self.client.tls_set(session.get_scoped_config()["ca_bundle"], certificate, key)
        self.client.on_connect = lambda client, data, flags, reason, properties: self.answers.put(reason)
        self.client.on_publish = lambda client, data, mid, reason, properties: self.answers.put(reason)
        self.client.on_subscribe = lambda client, data, mid, reasons, properties: self.answers.put(reasons[0])
        self.heard = queue.Queue()
        self.client.on_message = lambda client, data, message: self.heard.put(message.topic)

    def answered(self):
        """Whether the broker did what was asked for last."""
        return not self.answers.get(timeout=PATIENCE).is_failure

    def connects(self):
        self.client.connect(host, int(port or 8883), clean_start=True)
        self.client.loop_start()
        accepted = self.answered()
        if not accepted:
            self.client.loop_stop()
        return accepted

    def subscribes(self, filter):
        self.client.subscribe(filter, qos=1)
        return self.answered()

    def publishes(self, topic):
        self.client.publish(topic, b"{}", qos=1)
        return self.answered()

    def leaves(self):
        self.client.disconnect()
        self.client.loop_stop()


def soon(device, topic, allowed):
    """Publishes until that is allowed, or is not: which must be soon."""
    begun = time.monotonic()
    while device.publishes(topic) != allowed:
        assert time.monotonic() - begun < SOON, f"{topic}: not {allowed} yet"


def story(folder):
    made = iot.create_keys_and_certificate(setAsActive=True)
    certificate, key = f"{folder}/pem", f"{folder}/key"
    for path, text in [(certificate, made["certificatePem"]), (key, made["keyPair"]["PrivateKey"])]:
        with open(path, "w") as file:
            file.write(text)
    iot.create_thing(thingName="rover", attributePayload={"attributes": {"site": "north"}})
    iot.attach_thing_principal(thingName="rover", principal=made["certificateArn"])
    fleet = iot.create_thing_group(thingGroupName="fleet")["thingGroupArn"]
    iot.create_thing_group(thingGroupName="rovers", parentGroupName="fleet")
    iot.create_policy(policyName="drive", policyDocument=MAY)
    iot.attach_policy(policyName="drive", target=fleet)
    member = {"thingName": "rover", "thingGroupName": "rovers"}
    device = Device("rover", certificate, key)

    assert not device.connects(), "in no group"
    iot.add_thing_to_thing_group(**member)
    assert device.connects() and device.subscribes("north/#") and not device.subscribes("south/#")
    assert device.publishes("north/a") and device.heard.get(timeout=PATIENCE) == "north/a"
    assert not device.publishes("south/a")

    iot.update_thing(thingName="rover", attributePayload={"attributes": {"site": "south"}})
    soon(device, "south/a", True)
    assert not device.publishes("north/a")
    iot.update_thing(thingName="rover", attributePayload={"attributes": {"site": "north"}})
    soon(device, "north/a", True)
    iot.create_policy_version(policyName="drive", policyDocument=document(), setAsDefault=True)
    soon(device, "north/a", False)
    iot.set_default_policy_version(policyName="drive", policyVersionId="1")
    soon(device, "north/a", True)
    iot.detach_policy(policyName="drive", target=fleet)
    soon(device, "north/a", False)
    iot.attach_policy(policyName="drive", target=fleet)
    soon(device, "north/a", True)

    iot.remove_thing_from_thing_group(**member)
    soon(device, "north/a", False)
    device.leaves()
    assert not device.connects(), "taken out of the group"
    iot.update_thing_groups_for_thing(thingName="rover", thingGroupsToAdd=["rovers"])
    assert device.connects() and device.publishes("north/a")
    iot.delete_thing_group(thingGroupName="rovers")
    soon(device, "north/a", False)
    device.leaves()


with tempfile.TemporaryDirectory() as folder:
    story(folder)
