"""Billing groups: calls of each operation, and a policy that names one."""

from audits import pages
from policies import document

ARN = "arn:aws:iot:local-1:000000000000:"


def groups(iot):
    new = {"billingGroupName": "north", "billingGroupProperties": {"billingGroupDescription": "pays for oil"},
           "tags": [{"Key": "team", "Value": "oil"}]}
    made = iot.create_billing_group(**new)
    assert made["billingGroupArn"] == ARN + "billinggroup/north"
    assert iot.create_billing_group(**new)["billingGroupId"] == made["billingGroupId"]
    exists = iot.refused("create_billing_group", "ResourceAlreadyExistsException", 409, billingGroupName="north")
    assert exists["resourceArn"] == made["billingGroupArn"], exists
    assert iot.list_tags_for_resource(resourceArn=made["billingGroupArn"])["tags"] == new["tags"]
    iot.tag_resource(resourceArn=made["billingGroupArn"], tags=[{"Key": "site", "Value": "1"}])
    for name in ["south", "south-2"]:
        iot.create_billing_group(billingGroupName=name)
    names = lambda **filters: [it["groupName"] for it in pages(iot, "list_billing_groups", "billingGroups", **filters)]
    assert names() == ["north", "south", "south-2"] and names(namePrefixFilter="south") == ["south", "south-2"]

    describe = lambda: iot.describe_billing_group(billingGroupName="north")
    assert describe()["version"] == 1 and describe()["billingGroupProperties"] == new["billingGroupProperties"]
    gas = {"billingGroupName": "north", "billingGroupProperties": {"billingGroupDescription": "gas"}}
    iot.refused("update_billing_group", "VersionConflictException", 409, expectedVersion=7, **gas)
    assert iot.update_billing_group(expectedVersion=1, **gas)["version"] == 2 == describe()["version"]
    for verb, more in [("describe", {}), ("update", {"billingGroupProperties": {}})]:
        iot.refused(f"{verb}_billing_group", "ResourceNotFoundException", 404, billingGroupName="nowhere", **more)


def members(iot):
    iot.refused("create_thing", "ResourceNotFoundException", 404, thingName="bill-1", billingGroupName="nowhere")
    iot.refused("describe_thing", "ResourceNotFoundException", 404, thingName="bill-1")
    iot.create_thing(thingName="bill-1", billingGroupName="north")
    iot.create_thing(thingName="bill-1", billingGroupName="north")
    iot.refused("create_thing", "ResourceAlreadyExistsException", 409, thingName="bill-1")
    of = lambda: iot.describe_thing(thingName="bill-1").get("billingGroupName")
    things = lambda name: pages(iot, "list_things_in_billing_group", "things", billingGroupName=name)
    assert of() == "north" and things("north") == ["bill-1"]
    iot.refused("delete_billing_group", "InvalidRequestException", 400, billingGroupName="north")

    iot.add_thing_to_billing_group(billingGroupName="south", thingArn=ARN + "thing/bill-1")
    assert of() == "south" and things("north") == []
    iot.remove_thing_from_billing_group(billingGroupName="north", thingName="bill-1")
    assert of() == "south"
    iot.remove_thing_from_billing_group(billingGroupArn=ARN + "billinggroup/south", thingName="bill-1")
    assert of() is None
    for verb in ["add_thing_to", "remove_thing_from"]:
        iot.refused(f"{verb}_billing_group", "ResourceNotFoundException", 404, billingGroupName="nowhere", thingName="bill-1")
        iot.refused(f"{verb}_billing_group", "ResourceNotFoundException", 404, billingGroupName="north", thingName="nobody")
        iot.refused(f"{verb}_billing_group", "InvalidRequestException", 400, billingGroupArn=ARN + "thing/x", thingName="bill-1")
    iot.refused("list_things_in_billing_group", "ResourceNotFoundException", 404, billingGroupName="nowhere")


def in_policies(iot):
    """A policy may name the billing group of the thing that a connection is for."""
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_thing_principal(thingName="bill-1", principal=made["certificateArn"])
    iot.create_policy(policyName="billed", policyDocument=document({
        "Effect": "Allow", "Action": "iot:Publish", "Resource": ARN + "topic/${iot:Connection.Thing.BillingGroupName}/x"}))
    iot.attach_policy(policyName="billed", target=made["certificateArn"])
    asked = {"actionType": "PUBLISH", "resources": [ARN + "topic/south/x"]}
    decided = lambda: iot.test_authorization(principal=made["certificateArn"], clientId="bill-1",
                                             authInfos=[asked])["authResults"][0]["authDecision"]
    assert decided() == "IMPLICIT_DENY"
    iot.add_thing_to_billing_group(billingGroupName="south", thingName="bill-1")
    assert decided() == "ALLOWED"

    iot.detach_thing_principal(thingName="bill-1", principal=made["certificateArn"])
    iot.delete_thing(thingName="bill-1")
    for name in ["north", "south", "south-2", "north"]:
        iot.delete_billing_group(billingGroupName=name)
    iot.update_certificate(certificateId=made["certificateId"], newStatus="INACTIVE")
    iot.delete_certificate(certificateId=made["certificateId"], forceDelete=True)
    iot.delete_policy(policyName="billed")


def all_of_it(iot):
    groups(iot)
    members(iot)
    in_policies(iot)
