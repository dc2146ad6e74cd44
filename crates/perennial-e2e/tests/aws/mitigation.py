"""Mitigation that changes the registry: things are added to groups, policies are blanked. And that tells
people."""

import json

import boto3

from audits import EXPIRING, ROLE, TOPIC, audit, pages, until_over
from mqtt import Device
from policies import document, says

BROAD = "IOT_POLICY_OVERLY_PERMISSIVE_CHECK"
WIDE = document({"Effect": "Allow", "Action": "iot:*", "Resource": "*"})


def act(iot, name, **params):
    iot.create_mitigation_action(actionName=name, roleArn=ROLE, actionParams=params,
                                 tags=[{"Key": "team", "Value": "oil"}])
    arn = iot.describe_mitigation_action(actionName=name)["actionArn"]
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "team", "Value": "oil"}]


def mitigated(iot, task, check, finding, action):
    """Takes the action for the finding; answers its status and error code."""
    iot.start_audit_mitigation_actions_task(
        taskId=task, clientRequestToken=task, target={"findingIds": [finding]},
        auditCheckToActionsMapping={check: [action]})
    until_over(lambda: iot.describe_audit_mitigation_actions_task(taskId=task))
    [execution] = pages(iot, "list_audit_mitigation_actions_executions", "actionsExecutions",
                        taskId=task, findingId=finding)
    return execution["status"], execution.get("errorCode")


def finding_of(iot, thing):
    """What an audit finds about the thing's expiring certificate."""
    task = audit(iot, EXPIRING)
    [principal] = iot.list_thing_principals(thingName=thing)["principals"]
    this = {"deviceCertificateId": principal.rpartition("/")[2]}
    [id] = [it["findingId"] for it in pages(iot, "list_audit_findings", "findings", taskId=task)
            if it["nonCompliantResource"]["resourceIdentifier"] == this]
    return id


def told(iot, thing):
    """Publishes a finding on the notice topic that the action names, and nowhere else."""
    act(iot, "tell-them", publishFindingToSnsParams={"topicArn": TOPIC})
    act(iot, "tell-strangers", publishFindingToSnsParams={"topicArn": TOPIC.replace("local-1", "eu-west-1")})
    id, sns = finding_of(iot, thing), boto3.client("sns")
    assert mitigated(iot, "t1", EXPIRING, id, "tell-them") == ("FAILED", "RESOURCE_NOT_FOUND")
    assert mitigated(iot, "t2", EXPIRING, id, "tell-strangers") == ("FAILED", "INVALID_REQUEST")

    assert sns.create_topic(Name=TOPIC.rpartition(":")[2])["TopicArn"] == TOPIC
    everything = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
    device = Device(boto3.client("iot"), "finding-listener", everything)
    device.subscribes("findings/told")
    subscribed = sns.subscribe(TopicArn=TOPIC, Protocol="mqtt", Endpoint="findings/told")["SubscriptionArn"]
    assert mitigated(iot, "t3", EXPIRING, id, "tell-them") == ("COMPLETED", None)
    finding = json.loads(json.loads(device.hears()["payload"])["Message"])["finding"]
    assert (finding["findingId"], finding["checkName"]) == (id, EXPIRING)
    sns.unsubscribe(SubscriptionArn=subscribed)
    device.forget()
    for name in ["tell-them", "tell-strangers"]:
        iot.delete_mitigation_action(actionName=name)


def quarantine(iot, thing):
    """Adds the thing of an expiring certificate to a group."""
    act(iot, "quarantine", addThingsToThingGroupParams={"thingGroupNames": ["quarantine"]})
    id = finding_of(iot, thing)

    assert mitigated(iot, "q1", EXPIRING, id, "quarantine") == ("FAILED", "RESOURCE_NOT_FOUND")
    iot.create_thing_group(thingGroupName="quarantine")
    for task in ["q2", "q3"]:
        assert mitigated(iot, task, EXPIRING, id, "quarantine") == ("COMPLETED", None)
        assert iot.list_things_in_thing_group(thingGroupName="quarantine")["things"] == [thing]
    iot.remove_thing_from_thing_group(thingName=thing, thingGroupName="quarantine")


def broad(iot):
    """The versions of policies that an audit finds too broad, with their findings."""
    task = audit(iot, BROAD)
    found = pages(iot, "list_audit_findings", "findings", taskId=task)
    identifier = lambda it: it["nonCompliantResource"]["resourceIdentifier"]["policyVersionIdentifier"]
    return {tuple(identifier(it).values()): it["findingId"] for it in found}


def blank(iot):
    """Blanks a policy that nobody holds, and none that a device depends on."""
    iot.update_account_audit_configuration(auditCheckConfigurations={BROAD: {"enabled": True}})
    act(iot, "blank", replaceDefaultPolicyVersionParams={"templateName": "BLANK_POLICY"})
    narrow = document(says("Allow", "Connect", "client/x"))
    iot.create_policy(policyName="wide", policyDocument=narrow)
    iot.create_policy_version(policyName="wide", policyDocument=WIDE, setAsDefault=True)
    finding = broad(iot)[("wide", "2")]
    in_force = lambda: iot.get_policy(policyName="wide")["defaultVersionId"]

    made = iot.create_keys_and_certificate(setAsActive=True)
    group = iot.create_thing_group(thingGroupName="wide-open")["thingGroupArn"]
    iot.create_thing(thingName="wide-1")
    iot.attach_thing_principal(thingName="wide-1", principal=made["certificateArn"])
    iot.add_thing_to_thing_group(thingName="wide-1", thingGroupName="wide-open")
    for target in [made["certificateArn"], group]:
        iot.attach_policy(policyName="wide", target=target)
        held = mitigated(iot, "held-by-" + target.split(":")[-1].split("/")[0], BROAD, finding, "blank")
        assert held == ("FAILED", "DEVICE_WOULD_BE_CUT_OFF") and in_force() == "2"
        if target != group:
            iot.detach_policy(policyName="wide", target=target)

    iot.update_certificate(certificateId=made["certificateId"], newStatus="INACTIVE")
    iot.set_default_policy_version(policyName="wide", policyVersionId="1")
    assert mitigated(iot, "another", BROAD, finding, "blank") == ("FAILED", "VERSION_CONFLICT")
    iot.set_default_policy_version(policyName="wide", policyVersionId="2")
    for task in ["blanked", "blanked-again"]:
        assert mitigated(iot, task, BROAD, finding, "blank") == ("COMPLETED", None) and in_force() == "3"
    assert iot.get_policy(policyName="wide")["policyDocument"] == document().replace(" ", "")
    asked = {"actionType": "CONNECT", "resources": ["arn:aws:iot:local-1:000000000000:client/x"]}
    [tested] = iot.test_authorization(principal=made["certificateArn"], authInfos=[asked], clientId="wide-1")["authResults"]
    assert tested["authDecision"] == "IMPLICIT_DENY"
    assert not [it for it in broad(iot) if it[0] == "wide"]
