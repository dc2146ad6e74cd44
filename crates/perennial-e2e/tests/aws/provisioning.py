"""RegisterThing: things, certificates and policies by templates, together or not at all."""

import json
import subprocess

from csr import csr
from policies import document, says

ALLOW = document(says("Allow", "Connect", "client/${iot:ClientId}"))


def template(**changes):
    """A lamp's template; `changes` are made to its resources."""
    resources = {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {
            "ThingName": {"Fn::Join": ["-", ["lamp", {"Ref": "SerialNumber"}]]},
            "ThingTypeName": "lamp", "ThingGroups": ["lamps"],
            "AttributePayload": {"serial": {"Ref": "SerialNumber"}, "version": {"Ref": "Version"}}}},
        "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
            "CertificateSigningRequest": {"Ref": "CSR"}, "Status": "ACTIVE"}},
        "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": ALLOW}},
    }
    for name, change in changes.items():
        resources[name] = resources.get(name, {}) | change
    parameters = {name: {"Type": "String"} for name in ["SerialNumber", "CSR"]}
    parameters["Version"] = {"Type": "String", "Default": "v1"}
    return json.dumps({"Parameters": parameters, "Resources": resources})


def registered(iot):
    iot.create_thing_type(thingTypeName="lamp")
    iot.create_thing_group(thingGroupName="lamps")
    given = {"SerialNumber": "7", "CSR": csr("lamp-7")}
    made = iot.register_thing(templateBody=template(), parameters=given)
    arns = made["resourceArns"]
    assert arns["thing"].endswith(":thing/lamp-7") and set(arns) == {"thing", "certificate", "policy"}, arns
    subprocess.run(["openssl", "x509", "-noout"], input=made["certificatePem"].encode(), check=True)
    thing = iot.describe_thing(thingName="lamp-7")
    assert thing["attributes"] == {"serial": "7", "version": "v1"} and thing["thingTypeName"] == "lamp"
    assert iot.list_thing_principals(thingName="lamp-7")["principals"] == [arns["certificate"]]
    assert [g["groupName"] for g in iot.list_thing_groups_for_thing(thingName="lamp-7")["thingGroups"]] == ["lamps"]
    policies = iot.list_attached_policies(target=arns["certificate"])["policies"]
    assert [p["policyArn"] for p in policies] == [arns["policy"]]
    id = arns["certificate"].rpartition("/")[2]
    shown = iot.describe_certificate(certificateId=id)["certificateDescription"]
    assert shown["status"] == "ACTIVE" and shown["certificatePem"] == made["certificatePem"]

    # The same again: the thing is as it is wanted, and gets one more certificate.
    again = iot.register_thing(templateBody=template(), parameters=given)["resourceArns"]
    assert again["thing"] == arns["thing"] and again["certificate"] != arns["certificate"]
    assert again["policy"] == arns["policy"]
    assert iot.describe_thing(thingName="lamp-7")["version"] == thing["version"]
    return id


def overridden(iot, id):
    """What is there already, and different."""
    certificate = {"Properties": {"CertificateId": id, "Status": "INACTIVE"}}
    given = {"SerialNumber": "7", "CSR": "", "Version": "v2"}
    register = lambda **changes: iot.register_thing(templateBody=template(**changes), parameters=given)
    conflict = ("ConflictingResourceUpdateException", 409)
    for changes in [{"certificate": certificate},
                    {"certificate": certificate | {"OverrideSettings": {"Status": "REPLACE"}}}]:
        iot.refused("register_thing", *conflict, templateBody=template(**changes), parameters=given)
    status = lambda: iot.describe_certificate(certificateId=id)["certificateDescription"]["status"]
    assert status() == "ACTIVE", "the thing's attributes refused it, and nothing of it was done"

    kept = {"AttributePayload": "DO_NOTHING"}
    register(certificate=certificate | {"OverrideSettings": {"Status": "REPLACE"}}, thing={"OverrideSettings": kept})
    assert status() == "INACTIVE" and iot.describe_thing(thingName="lamp-7")["attributes"]["version"] == "v1"
    register(certificate=certificate, thing={"OverrideSettings": {"AttributePayload": "MERGE"}})
    assert iot.describe_thing(thingName="lamp-7")["attributes"] == {"serial": "7", "version": "v2"}


def nothing_half_done(iot):
    count = lambda: len(iot.list_certificates(pageSize=250)["certificates"])
    before, given = count(), {"SerialNumber": "8", "CSR": csr("lamp-8")}
    failure = ("ResourceRegistrationFailureException", 400)
    for changes in [{"policy": {"Properties": {"PolicyName": "no-such-policy"}}},
                    {"certificate": {"Properties": {"CertificateId": "0" * 64}}},
                    {"thing": {"Properties": {"ThingName": "lamp-8", "ThingTypeName": "no-such-type"}}},
                    {"thing": {"Properties": {"ThingName": "lamp-8", "ThingGroups": ["no-such-group"]}}}]:
        iot.refused("register_thing", *failure, templateBody=template(**changes), parameters=given)
        iot.refused("describe_thing", "ResourceNotFoundException", 404, thingName="lamp-8")
        assert count() == before, changes
    for body, parameters in [("{", {}), ("{}", {}), (template(), {"SerialNumber": "8"}),
                             (template(), given | {"Colour": "red"}), (template(), given | {"CSR": "x"})]:
        iot.refused("register_thing", "InvalidRequestException", 400, templateBody=body, parameters=parameters)


def all_of_it(iot):
    id = registered(iot)
    overridden(iot, id)
    nothing_half_done(iot)
