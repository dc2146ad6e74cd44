"""The customer's own CA: calls of each operation on it, and on certificates of it."""

import tempfile

import audits
from audits import pages
from openssl import Pki
from signed import session

INVALID = ("InvalidRequestException", 400)
NO_CERTIFICATE = ("CertificateValidationException", 400)
STATE = ("CertificateStateException", 406)
EXISTS = ("ResourceAlreadyExistsException", 409)
NOT_FOUND = ("ResourceNotFoundException", 404)
HEX = "0" * 64


def registration_code(iot):
    first = iot.get_registration_code()["registrationCode"]
    assert iot.get_registration_code()["registrationCode"] == first
    iot.delete_registration_code()
    iot.refused("delete_registration_code", *NOT_FOUND)
    assert iot.get_registration_code()["registrationCode"] != first


def proven(iot, pki):
    """A CA with the proof that its key is there, and what is no such proof."""
    ca = pki.make("acme", "Acme CA")
    code = iot.get_registration_code()["registrationCode"]
    register = lambda pem, **arguments: iot.refused(
        "register_ca_certificate", *arguments.pop("refusal"), caCertificate=pem, **arguments)
    proof = pki.make("proof", code, issuer="acme")

    register(ca, refusal=INVALID)
    register(ca, refusal=INVALID, verificationCertificate=proof, certificateMode="SNI_ONLY")
    register(ca, refusal=INVALID, verificationCertificate=proof,
             registrationConfig={"templateBody": "{}"})
    register(ca, refusal=("RegistrationCodeValidationException", 400),
             verificationCertificate=pki.make("other-code", HEX, issuer="acme"))
    pki.make("impostor", "Acme CA")
    register(ca, refusal=NO_CERTIFICATE, verificationCertificate=pki.make("foreign", code, issuer="impostor"))
    register(ca, refusal=NO_CERTIFICATE, verificationCertificate=pki.make("own", code))
    register(ca, refusal=NO_CERTIFICATE, verificationCertificate="no certificate")
    register(ca + ca, refusal=NO_CERTIFICATE, verificationCertificate=proof)
    register(proof, refusal=NO_CERTIFICATE, verificationCertificate=proof)
    register(ca, refusal=INVALID, verificationCertificate=proof, tags=[{"Key": "aws:x", "Value": "y"}])

    made = iot.register_ca_certificate(caCertificate=ca, verificationCertificate=proof, setAsActive=True,
                                       allowAutoRegistration=True, tags=[{"Key": "plant", "Value": "7"}])
    assert made["certificateArn"].endswith(f":cacert/{made['certificateId']}")
    exists = register(ca, refusal=EXISTS, verificationCertificate=proof)
    assert exists["resourceArn"] == made["certificateArn"], exists
    shown = iot.describe_ca_certificate(certificateId=made["certificateId"])["certificateDescription"]
    assert shown["certificatePem"].strip() == ca.strip()
    assert (shown["status"], shown["autoRegistrationStatus"], shown["certificateMode"]) == (
        "ACTIVE", "ENABLE", "DEFAULT")
    return made["certificateId"]


def unproven(iot, pki):
    """CAs without a proof, three of one subject, of which two have one key."""
    ids = []
    for name, key in [("twin", None), ("twin-renewed", "twin"), ("twin-other-key", None)]:
        made = iot.register_ca_certificate(caCertificate=pki.make(name, "Twin CA", key=key),
                                           certificateMode="SNI_ONLY", setAsActive=True)
        ids.append(made["certificateId"])
    shown = iot.describe_ca_certificate(certificateId=ids[0])["certificateDescription"]
    assert (shown["autoRegistrationStatus"], shown["certificateMode"]) == ("DISABLE", "SNI_ONLY")

    root = open(session.get_scoped_config()["ca_bundle"]).read()
    iot.refused("register_ca_certificate", *EXISTS, caCertificate=root, certificateMode="SNI_ONLY")
    return ids


def changes(iot, pki, ca):
    state = lambda: [iot.describe_ca_certificate(certificateId=ca)["certificateDescription"][it]
                     for it in ["status", "autoRegistrationStatus", "customerVersion"]]
    before = state()[2]
    iot.update_ca_certificate(certificateId=ca, newStatus="INACTIVE")
    iot.update_ca_certificate(certificateId=ca, newStatus="INACTIVE")
    assert state() == ["INACTIVE", "ENABLE", before + 1]
    one = pki.make("too-late", "too-late", issuer="acme")
    iot.refused("register_certificate", *STATE, certificatePem=one)
    iot.update_ca_certificate(certificateId=ca, newStatus="ACTIVE", removeAutoRegistration=True)
    assert state()[:2] == ["ACTIVE", "DISABLE"]
    iot.update_ca_certificate(certificateId=ca, newAutoRegistrationStatus="ENABLE")
    assert state()[:2] == ["ACTIVE", "ENABLE"]

    iot.refused("delete_ca_certificate", *STATE, certificateId=ca)
    iot.refused("update_ca_certificate", *INVALID, certificateId=ca, newStatus="REVOKED")
    for operation in ["describe_ca_certificate", "update_ca_certificate", "delete_ca_certificate"]:
        iot.refused(operation, *NOT_FOUND, certificateId=HEX)


def lists(iot, ids):
    up = [it["certificateId"] for it in pages(iot, "list_ca_certificates", "certificates", ascendingOrder=True)]
    down = [it["certificateId"] for it in pages(iot, "list_ca_certificates", "certificates")]
    assert up == down[::-1] == ids, (up, ids)


def device_certificates(iot, pki, ca, twins):
    pem = pki.make("valve", "valve-1", issuer="acme")
    for bad in [{"setAsActive": True, "status": "INACTIVE"}, {"status": "PENDING_ACTIVATION"}]:
        iot.refused("register_certificate", *INVALID, certificatePem=pem, **bad)
    iot.refused("register_certificate", *NO_CERTIFICATE, certificatePem=pem, caCertificatePem=pki.pem("twin"))
    iot.refused("register_certificate", *NO_CERTIFICATE, certificatePem=pem, caCertificatePem=pki.pem("impostor"))
    made = iot.register_certificate(certificatePem=pem, caCertificatePem=pki.pem("acme"), status="ACTIVE")
    exists = iot.refused("register_certificate", *EXISTS, certificatePem=pem)
    assert exists["resourceArn"] == made["certificateArn"], exists
    shown = iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
    assert (shown["status"], shown["caCertificateId"], shown["certificateMode"]) == ("ACTIVE", ca, "DEFAULT")

    quiet = iot.register_certificate(certificatePem=pki.make("quiet", "quiet", issuer="acme"))["certificateId"]
    assert iot.describe_certificate(certificateId=quiet)["certificateDescription"]["status"] == "INACTIVE"
    flagged = iot.register_certificate(certificatePem=pki.make("flagged", "f", issuer="acme"), setAsActive=True)
    of_ca = {made["certificateId"]: "ACTIVE", quiet: "INACTIVE", flagged["certificateId"]: "ACTIVE"}
    listed = pages(iot, "list_certificates_by_ca", "certificates", caCertificateId=ca)
    assert {it["certificateId"]: it["status"] for it in listed} == of_ca
    up = pages(iot, "list_certificates_by_ca", "certificates", caCertificateId=ca, ascendingOrder=True)
    assert up == listed[::-1] and pages(iot, "list_certificates_by_ca", "certificates", caCertificateId=HEX) == []

    twin = pki.make("of-twin", "of-twin", issuer="twin")
    iot.refused("register_certificate", "CertificateConflictException", 409, certificatePem=twin)
    named = iot.register_certificate(certificatePem=twin, caCertificatePem=pki.pem("twin-renewed"))
    shown = iot.describe_certificate(certificateId=named["certificateId"])["certificateDescription"]
    assert (shown["caCertificateId"], shown["certificateMode"]) == (twins[1], "SNI_ONLY")
    alone = pki.make("of-other", "of-other", issuer="twin-other-key")
    iot.register_certificate(certificatePem=alone)

    iot.refused("register_certificate", *NO_CERTIFICATE, certificatePem=pki.make("stray", "stray"))
    stray = iot.register_certificate_without_ca(certificatePem=pki.make("stray", "stray"), status="ACTIVE")
    shown = iot.describe_certificate(certificateId=stray["certificateId"])["certificateDescription"]
    assert (shown["certificateMode"], "caCertificateId" in shown) == ("SNI_ONLY", False)
    iot.refused("register_certificate_without_ca", *EXISTS, certificatePem=pki.pem("stray"))
    iot.refused("register_certificate_without_ca", *NO_CERTIFICATE, certificatePem="x")
    serving = pki.make("serving", "s", extensions=["extendedKeyUsage=serverAuth"])
    iot.refused("register_certificate_without_ca", *NO_CERTIFICATE, certificatePem=serving)


def deleted(iot, ids):
    for id in ids:
        iot.update_ca_certificate(certificateId=id, newStatus="INACTIVE")
        iot.delete_ca_certificate(certificateId=id)
        iot.refused("describe_ca_certificate", *NOT_FOUND, certificateId=id)
    assert pages(iot, "list_ca_certificates", "certificates") == []
    assert pages(iot, "list_certificates_by_ca", "certificates", caCertificateId=ids[0]) != []


def transfers(iot):
    """There is one account, so nothing is transferred."""
    id = iot.create_keys_and_certificate()["certificateId"]
    operations = {"transfer_certificate": {"targetAwsAccount": "123456789012", "transferMessage": "yours"},
                  "accept_certificate_transfer": {"setAsActive": True},
                  "reject_certificate_transfer": {"rejectReason": "no"},
                  "cancel_certificate_transfer": {}}
    for operation, arguments in operations.items():
        iot.refused(operation, *INVALID, certificateId=id, **arguments)
        iot.refused(operation, *NOT_FOUND, certificateId=HEX, **arguments)
    assert iot.describe_certificate(certificateId=id)["certificateDescription"]["status"] == "INACTIVE"
    assert pages(iot, "list_outgoing_certificates", "outgoingCertificates") == []


def audited(iot):
    """A CA that is about to end is found, and mitigation keeps new certificates of it out. Needs the action
    `tell` of the audits' own calls."""
    with tempfile.TemporaryDirectory() as folder:
        pki = Pki(folder)
        ca = iot.register_ca_certificate(caCertificate=pki.make("ending", "Ending CA", days=7),
                                         certificateMode="SNI_ONLY", setAsActive=True)["certificateId"]
        found = lambda task: [it for it in pages(iot, "list_audit_findings", "findings", taskId=task)
                              if it["nonCompliantResource"]["resourceIdentifier"] == {"caCertificateId": ca}]
        [finding] = found(audits.audit(iot, audits.AUTHORITY))
        assert finding["reasonForNonComplianceCode"] == "CERTIFICATE_APPROACHING_EXPIRATION", finding
        assert (finding["severity"], finding["nonCompliantResource"]["resourceType"]) == ("MEDIUM", "CA_CERTIFICATE")

        iot.create_mitigation_action(actionName="deactivate-ca", roleArn=audits.ROLE,
                                     actionParams={"updateCACertificateParams": {"action": "DEACTIVATE"}})
        iot.start_audit_mitigation_actions_task(
            taskId="ca", target={"findingIds": [finding["findingId"]]},
            auditCheckToActionsMapping={audits.AUTHORITY: ["deactivate-ca", "tell"]})
        ended = audits.until_over(lambda: iot.describe_audit_mitigation_actions_task(taskId="ca"))
        assert ended["taskStatus"] == "COMPLETED", ended
        assert iot.describe_ca_certificate(certificateId=ca)["certificateDescription"]["status"] == "INACTIVE"
        iot.refused("register_certificate", *STATE, certificatePem=pki.make("one", "one", issuer="ending", days=1))
        assert found(audits.audit(iot, audits.AUTHORITY)) == []
        iot.delete_ca_certificate(certificateId=ca)
        iot.delete_mitigation_action(actionName="deactivate-ca")


def all_of_it(iot):
    registration_code(iot)
    with tempfile.TemporaryDirectory() as folder:
        pki = Pki(folder)
        ca = proven(iot, pki)
        twins = unproven(iot, pki)
        changes(iot, pki, ca)
        lists(iot, [ca, *twins])
        device_certificates(iot, pki, ca, twins)
        deleted(iot, [ca, *twins])
    transfers(iot)
