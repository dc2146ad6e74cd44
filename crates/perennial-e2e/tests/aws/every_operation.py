"""Calls every operation at least once. Arguments: the names of all operations of the server, which has a
thing `expiring` whose certificate is about to end."""

import json
import subprocess
import sys

import audits
import billing
import cas
import data_plane
import device_log
import events
import groups
import mitigation
import policies
import provisioning
import search
import things
import topic_rules
from audits import pages
from csr import csr
from harness import Client, finish

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]})


def certificates(iot):
    created = iot.create_certificate_from_csr(certificateSigningRequest=csr("pump-1"))
    id = created["certificateId"]
    shown = iot.describe_certificate(certificateId=id)["certificateDescription"]
    assert shown["status"] == "INACTIVE" and shown["certificatePem"] == created["certificatePem"]
    assert shown["certificateArn"] == created["certificateArn"]
    assert shown["validity"]["notAfter"] > shown["creationDate"]
    assert iot.describe_certificate(certificateId=id.upper())["certificateDescription"] == shown

    text = subprocess.run(["openssl", "x509", "-noout", "-subject", "-ext", "extendedKeyUsage"],
                          input=created["certificatePem"].encode(), capture_output=True, check=True)
    assert b"CN = pump-1" in text.stdout and b"TLS Web Client Authentication" in text.stdout

    for status in ["ACTIVE", "ACTIVE", "INACTIVE", "REVOKED"]:
        iot.update_certificate(certificateId=id, newStatus=status)
        assert iot.describe_certificate(certificateId=id)["certificateDescription"]["status"] == status
    iot.refused("update_certificate", "CertificateStateException", 406, certificateId=id, newStatus="ACTIVE")
    for status in ["PENDING_TRANSFER", "REGISTER_INACTIVE", "PENDING_ACTIVATION"]:
        iot.refused("update_certificate", "InvalidRequestException", 400, certificateId=id, newStatus=status)

    again = iot.create_certificate_from_csr(certificateSigningRequest=csr("a b"), setAsActive=True)
    iot.refused("delete_certificate", "CertificateStateException", 406, certificateId=again["certificateId"])
    iot.refused("delete_certificate", "CertificateStateException", 406,
                certificateId=again["certificateId"], forceDelete=True)

    ids = {c["certificateId"] for c in pages(iot, "list_certificates", "certificates")}
    assert {id, again["certificateId"]} <= ids
    up = [c["certificateId"] for c in pages(iot, "list_certificates", "certificates", ascendingOrder=True)]
    down = [c["certificateId"] for c in pages(iot, "list_certificates", "certificates")]
    assert up == down[::-1]

    iot.delete_certificate(certificateId=id)
    iot.refused("describe_certificate", "ResourceNotFoundException", 404, certificateId=id)
    iot.refused("delete_certificate", "ResourceNotFoundException", 404, certificateId=id)


def keys(iot):
    made = iot.create_keys_and_certificate(setAsActive=True)
    public = subprocess.run(["openssl", "pkey", "-pubout"], check=True, capture_output=True,
                            input=made["keyPair"]["PrivateKey"].encode()).stdout.decode()
    assert public == made["keyPair"]["PublicKey"]
    of_certificate = subprocess.run(["openssl", "x509", "-noout", "-pubkey"], check=True,
                                    capture_output=True, input=made["certificatePem"].encode())
    assert of_certificate.stdout.decode() == public
    assert iot.create_keys_and_certificate()["certificateId"] != made["certificateId"]


def policy(iot):
    made = iot.create_policy(policyName="p+=,.@-1", policyDocument=POLICY)
    assert made["policyVersionId"] == "1" and made["policyDocument"] == POLICY
    exists = iot.refused("create_policy", "ResourceAlreadyExistsException", 409,
                         policyName="p+=,.@-1", policyDocument=POLICY)
    assert exists["resourceArn"] == made["policyArn"], exists
    shown = iot.get_policy(policyName="p+=,.@-1")
    assert shown["policyDocument"] == POLICY and shown["defaultVersionId"] == "1"
    assert "p+=,.@-1" in [p["policyName"] for p in pages(iot, "list_policies", "policies")]
    iot.refused("create_policy", "MalformedPolicyException", 400, policyName="bad", policyDocument="{}")
    iot.refused("get_policy", "ResourceNotFoundException", 404, policyName="bad")


def attachments(iot):
    for name in ["pump-1", "pump-2", "a:b_c-d"]:
        made = iot.create_thing(thingName=name)
        assert made["thingArn"].endswith(f":thing/{name}")
        assert iot.create_thing(thingName=name) ["thingArn"] == made["thingArn"]
        assert iot.describe_thing(thingName=name)["defaultClientId"] == name
    assert [t["thingName"] for t in pages(iot, "list_things", "things")] == [
        "a:b_c-d", "expiring", "pump-1", "pump-2"]
    iot.refused("describe_thing", "ResourceNotFoundException", 404, thingName="nobody")

    certificate = iot.create_keys_and_certificate(setAsActive=True)
    arn, id = certificate["certificateArn"], certificate["certificateId"]
    for name in ["pump-1", "a:b_c-d"]:
        iot.attach_thing_principal(thingName=name, principal=arn)
        iot.attach_thing_principal(thingName=name, principal=arn)
    assert pages(iot, "list_thing_principals", "principals", thingName="a:b_c-d") == [arn]
    assert pages(iot, "list_principal_things", "things", principal=arn) == ["a:b_c-d", "pump-1"]
    iot.attach_policy(policyName="p+=,.@-1", target=arn)

    iot.update_certificate(certificateId=id, newStatus="INACTIVE")
    iot.refused("delete_certificate", "DeleteConflictException", 409, certificateId=id)
    iot.refused("delete_certificate", "DeleteConflictException", 409, certificateId=id, forceDelete=True)
    for name in ["pump-1", "a:b_c-d"]:
        iot.detach_thing_principal(thingName=name, principal=arn)
    iot.detach_thing_principal(thingName="pump-1", principal=arn)
    iot.refused("delete_certificate", "DeleteConflictException", 409, certificateId=id)
    iot.detach_policy(policyName="p+=,.@-1", target=arn)
    iot.detach_policy(policyName="p+=,.@-1", target=arn)
    iot.delete_certificate(certificateId=id)

    iot.refused("attach_thing_principal", "ResourceNotFoundException", 404, thingName="pump-1", principal=arn)
    iot.refused("attach_policy", "ResourceNotFoundException", 404, policyName="p+=,.@-1", target=arn)
    iot.refused("attach_policy", "InvalidRequestException", 400, policyName="p+=,.@-1", target="arn:x")
    forced = iot.create_keys_and_certificate()
    iot.attach_policy(policyName="p+=,.@-1", target=forced["certificateArn"])
    iot.delete_certificate(certificateId=forced["certificateId"], forceDelete=True)


def endpoint(iot):
    address = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    assert address.startswith("localhost") and iot.describe_endpoint()["endpointAddress"] == address
    iot.refused("describe_endpoint", "InvalidRequestException", 400, endpointType="iot:CredentialProvider")


iot = Client()
for story in [certificates, keys, policy, attachments, endpoint, cas.all_of_it]:
    story(iot)
for story in [things.lifecycle, things.lists, things.principals]:
    story(iot)
for story in [groups.types, groups.groups, groups.members, groups.tags]:
    story(iot)
billing.all_of_it(iot)
for story in [policies.lifecycle, policies.versions, policies.targets, policies.principals, policies.authorization]:
    story(iot)
for story in [audits.configuration, audits.tasks, audits.schedules, audits.suppressions, audits.actions]:
    story(iot)
mitigation.told(iot, thing="expiring")
mitigation.quarantine(iot, thing="expiring")
mitigation.blank(iot)
audits.story(iot, thing="expiring")
audits.cancelled(iot)
cas.audited(iot)
iot.takes_over(data_plane.all_of_it(iot))
events.all_of_it(iot)
device_log.all_of_it(iot)
search.all_of_it(iot)
topic_rules.all_of_it(iot)
provisioning.all_of_it(iot)
audits.deleted(iot)
finish(iot, sys.argv[1:])
