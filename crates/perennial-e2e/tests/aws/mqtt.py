"""MQTT by the mosquitto clients, with certificates that the API made."""

import json
import pathlib
import subprocess
import tempfile

from signed import session


def command(iot, program, client_id, certificate, key, *arguments):
    """A mosquitto client with these files, by MQTT 5 and QoS 1."""
    host, _, port = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"].partition(":")
    return [program, "-h", host, "-p", port or "8883", "--cafile", session.get_scoped_config()["ca_bundle"],
            "--cert", str(certificate), "--key", str(key), "-V", "5", "-q", "1", "-i", client_id, *arguments]


class Device:
    """A client with a certificate of its own, which has a policy of the device's name."""

    def __init__(self, iot, name, policy_document):
        self.iot, self.name = iot, name
        made = iot.create_keys_and_certificate(setAsActive=True)
        self.arn, self.id = made["certificateArn"], made["certificateId"]
        iot.create_policy(policyName=name, policyDocument=policy_document)
        iot.attach_policy(policyName=name, target=self.arn)
        self.folder = tempfile.TemporaryDirectory()
        self.certificate, self.key = [pathlib.Path(self.folder.name, kind) for kind in ["pem", "key"]]
        self.certificate.write_text(made["certificatePem"])
        self.key.write_text(made["keyPair"]["PrivateKey"])

    def command(self, program, *arguments):
        return command(self.iot, program, self.name, self.certificate, self.key, *arguments)

    def subscribes(self, topic):
        """What is published from now on waits for it until it is heard."""
        self.kept = self.command("mosquitto_sub", "-t", topic, "-c", "-x", "3600", "-F", "%j")
        subprocess.run([*self.kept, "-E"], check=True, timeout=60)

    def hears(self):
        """The next message, as mosquitto tells of it."""
        done = subprocess.run([*self.kept, "-C", "1", "-W", "60"], check=True, capture_output=True)
        return json.loads(done.stdout)

    def forget(self):
        self.iot.detach_policy(policyName=self.name, target=self.arn)
        self.iot.update_certificate(certificateId=self.id, newStatus="INACTIVE")
        self.iot.delete_certificate(certificateId=self.id)
        self.folder.cleanup()
