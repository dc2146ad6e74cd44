"""A story: a customer's CA is registered, a device of it introduces itself, is activated, gets a policy, and
publishes. Arguments: the policy that devices have."""

import json
import subprocess
import sys
import tempfile

from harness import Client
from openssl import Pki
from signed import session

EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "*", "Resource": "*"}]})

iot = Client()
host, _, port = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"].partition(":")


def mosquitto(program, client_id, certificate, key, *arguments):
    return [program, "-h", host, "-p", port or "8883", "--cafile", session.get_scoped_config()["ca_bundle"],
            "--cert", certificate, "--key", key, "-V", "5", "-q", "1", "-i", client_id, *arguments]


def publishes(pki, name):
    """Whether the device's message is acknowledged."""
    command = mosquitto("mosquitto_pub", name, pki.file(name, "pem"), pki.file(name, "key"),
                        "-t", f"devices/{name}/x", "-m", "{}")
    done = subprocess.run(command, capture_output=True, timeout=60)
    return done.returncode == 0 and b"denied" not in done.stdout + done.stderr


class Listener:
    """Somebody who may hear everything; what is published while it is away waits for it."""

    def __init__(self, pki, topic):
        made = iot.create_keys_and_certificate(setAsActive=True)
        iot.create_policy(policyName="everything", policyDocument=EVERYTHING)
        iot.attach_policy(policyName="everything", target=made["certificateArn"])
        for kind, text in [("pem", made["certificatePem"]), ("key", made["keyPair"]["PrivateKey"])]:
            with open(pki.file("listener", kind), "w") as file:
                file.write(text)
        self.command = mosquitto("mosquitto_sub", "listener", pki.file("listener", "pem"),
                                 pki.file("listener", "key"), "-t", topic, "-c", "-x", "3600")
        subprocess.run([*self.command, "-E"], check=True, timeout=60)

    def hears(self):
        done = subprocess.run([*self.command, "-C", "1", "-W", "60"], check=True, capture_output=True)
        return json.loads(done.stdout)


def story(pki, device_policy):
    ca = pki.make("acme", "Acme CA")
    code = iot.get_registration_code()["registrationCode"]
    registered = iot.register_ca_certificate(
        caCertificate=ca, verificationCertificate=pki.make("proof", code, issuer="acme"))["certificateId"]
    pki.make("pump-1", "pump-1", issuer="acme")
    listener = Listener(pki, f"$aws/events/certificates/registered/{registered}")

    # An INACTIVE CA introduces nobody, nor does one without auto-registration.
    assert not publishes(pki, "pump-1")
    iot.update_ca_certificate(certificateId=registered, newStatus="ACTIVE")
    assert not publishes(pki, "pump-1")
    assert iot.list_certificates_by_ca(caCertificateId=registered)["certificates"] == []
    iot.update_ca_certificate(certificateId=registered, newAutoRegistrationStatus="ENABLE")

    assert not publishes(pki, "pump-1")
    event = listener.hears()
    assert (event["caCertificateId"], event["certificateStatus"]) == (registered, "PENDING_ACTIVATION"), event
    id = event["certificateId"]
    [shown] = iot.list_certificates_by_ca(caCertificateId=registered)["certificates"]
    assert (shown["certificateId"], shown["status"]) == (id, "PENDING_ACTIVATION")
    assert not publishes(pki, "pump-1")
    assert listener.hears()["certificateId"] == id

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
