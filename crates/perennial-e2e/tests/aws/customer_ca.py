"""A story: a customer's CA is registered, a device of it introduces itself, is activated, gets a policy, and
publishes. Arguments: the policy that devices have."""

import json
import subprocess
import sys
import tempfile

from data_plane import EVERYTHING
from harness import Client
from mqtt import Device, command
from openssl import Pki
from waiting import until

iot = Client()


def publishes(pki, name):
    """Whether the device's message is acknowledged."""
    publish = command(iot, "mosquitto_pub", name, pki.file(name, "pem"), pki.file(name, "key"),
                      "-t", f"devices/{name}/x", "-m", "{}")
    done = subprocess.run(publish, capture_output=True, timeout=60)
    return done.returncode == 0 and b"denied" not in done.stdout + done.stderr


def story(pki, device_policy):
    ca = pki.make("acme", "Acme CA")
    code = iot.get_registration_code()["registrationCode"]
    registered = iot.register_ca_certificate(
        caCertificate=ca, verificationCertificate=pki.make("proof", code, issuer="acme"))["certificateId"]
    pki.make("pump-1", "pump-1", issuer="acme")
    listener = Device(iot, "listener", EVERYTHING)
    listener.subscribes(f"$aws/events/certificates/registered/{registered}")

    # An INACTIVE CA introduces nobody, nor does one without auto-registration.
    assert not publishes(pki, "pump-1")
    iot.update_ca_certificate(certificateId=registered, newStatus="ACTIVE")
    assert not publishes(pki, "pump-1")
    assert iot.list_certificates_by_ca(caCertificateId=registered)["certificates"] == []
    iot.update_ca_certificate(certificateId=registered, newAutoRegistrationStatus="ENABLE")

    assert not publishes(pki, "pump-1")
    event = json.loads(listener.hears()["payload"])
    assert (event["caCertificateId"], event["certificateStatus"]) == (registered, "PENDING_ACTIVATION"), event
    id = event["certificateId"]
    [shown] = iot.list_certificates_by_ca(caCertificateId=registered)["certificates"]
    assert (shown["certificateId"], shown["status"]) == (id, "PENDING_ACTIVATION")
    assert not publishes(pki, "pump-1")
    assert json.loads(listener.hears()["payload"])["certificateId"] == id

    iot.update_certificate(certificateId=id, newStatus="ACTIVE")
    assert not publishes(pki, "pump-1"), "without a policy"
    iot.create_thing(thingName="pump-1")
    iot.attach_thing_principal(thingName="pump-1", principal=shown["certificateArn"])
    iot.attach_policy(policyName=device_policy, target=shown["certificateArn"])
    assert publishes(pki, "pump-1")
    iot.detach_policy(policyName=device_policy, target=shown["certificateArn"])
    assert not publishes(pki, "pump-1")


def template(device_policy, group):
    """What a certificate of the CA brings along."""
    of = lambda name: {"Ref": f"AWS::IoT::Certificate::{name}"}
    names = ["Id", "CommonName", "OrganizationalUnit"]
    return json.dumps({
        "Parameters": {f"AWS::IoT::Certificate::{name}": {"Type": "String"} for name in names},
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {
                "ThingName": of("CommonName"), "ThingGroups": [group],
                "AttributePayload": {"plant": of("OrganizationalUnit")}}},
            "certificate": {"Type": "AWS::IoT::Certificate",
                            "Properties": {"CertificateId": of("Id"), "Status": "ACTIVE"}},
            "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": device_policy}}}})


def provisioned(pki, device_policy):
    """A device is provisioned by its CA's template when it first connects."""
    ca = pki.make("zeta", "Zeta CA")
    proof = pki.make("zeta-proof", iot.get_registration_code()["registrationCode"], issuer="zeta")
    body = template(device_policy, "jit")
    registered = iot.register_ca_certificate(
        caCertificate=ca, verificationCertificate=proof, setAsActive=True, allowAutoRegistration=True,
        registrationConfig={"templateBody": body})["certificateId"]
    describe = lambda: iot.describe_ca_certificate(certificateId=registered)
    assert describe()["registrationConfig"] == {"templateBody": body}
    status = lambda: [c["status"] for c in iot.list_certificates_by_ca(caCertificateId=registered)["certificates"]]

    # Its group is not there: nothing is half done, and it goes on waiting.
    pki.make("jit-1", "jit-1/OU=plant-7", issuer="zeta")
    until(lambda: not publishes(pki, "jit-1") and status() == ["PENDING_ACTIVATION"], "it is not introduced")
    assert not publishes(pki, "jit-1")
    iot.refused("describe_thing", "ResourceNotFoundException", 404, thingName="jit-1")
    assert status() == ["PENDING_ACTIVATION"]
    iot.create_thing_group(thingGroupName="jit")
    until(lambda: publishes(pki, "jit-1"), "it is not let in")
    assert status() == ["ACTIVE"]
    assert iot.describe_thing(thingName="jit-1")["attributes"] == {"plant": "plant-7"}
    assert iot.list_things_in_thing_group(thingGroupName="jit")["things"] == ["jit-1"]

    # One that lacks what the template asks for waits, too; without a template it only registers.
    pki.make("jit-2", "jit-2", issuer="zeta")
    until(lambda: not publishes(pki, "jit-2") and sorted(status()) == ["ACTIVE", "PENDING_ACTIVATION"],
          "it is not introduced")
    assert not publishes(pki, "jit-2")
    iot.update_ca_certificate(certificateId=registered, removeAutoRegistration=True)
    assert "registrationConfig" not in describe()
    for bad in ["{}", "{", template(device_policy, "jit").replace("Certificate::Id", "Certificate::Serial")]:
        iot.refused("update_ca_certificate", "InvalidRequestException", 400, certificateId=registered,
                    registrationConfig={"templateBody": bad})


with tempfile.TemporaryDirectory() as folder:
    story(Pki(folder), sys.argv[1])
    provisioned(Pki(folder), sys.argv[1])
