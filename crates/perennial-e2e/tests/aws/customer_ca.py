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


with tempfile.TemporaryDirectory() as folder:
    story(Pki(folder), sys.argv[1])
