"""Policies: versions, what they are attached to, what is in force, and what they allow."""

import json

from audits import pages

ARN = "arn:aws:iot:local-1:000000000000"
NOBODY = f"{ARN}:cert/" + "0" * 64


def says(effect, action, *resources, **condition):
    """A statement."""
    condition = {"Condition": condition} if condition else {}
    return {"Effect": effect, "Action": f"iot:{action}", "Resource": [f"{ARN}:{it}" for it in resources]} | condition


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


ONE, TWO = (document(says("Allow", "Connect", f"client/{name}")) for name in ["one", "two"])


def lifecycle(iot):
    made = iot.create_policy(policyName="site", policyDocument=ONE, tags=[{"Key": "team", "Value": "oil"}])
    assert iot.list_tags_for_resource(resourceArn=made["policyArn"])["tags"] == [{"Key": "team", "Value": "oil"}]
    shown = iot.get_policy(policyName="site")
    assert shown["lastModifiedDate"] == shown["creationDate"] and shown["generationId"]
    for bad, where in [("{", "JSON"), ("{}", "Version"), (document(says("allow", "Connect", "client/a")), "Effect"),
                       (document(says("Allow", "Connect", "client/${iot:Nothing}")), "$.Statement[0].Resource[0]")]:
        for verb in ["create_policy", "create_policy_version"]:
            name = "bad" if verb == "create_policy" else "site"
            error = iot.refused(verb, "MalformedPolicyException", 400, policyName=name, policyDocument=bad)
            assert where in error["Error"]["Message"], error
    long = document(*[says("Allow", "Publish", "topic/" + "x" * 100)] * 20)
    iot.refused("create_policy", "MalformedPolicyException", 400, policyName="bad", policyDocument=long)
    iot.create_policy(policyName="gone", policyDocument=ONE)
    iot.delete_policy(policyName="gone")
    iot.refused("delete_policy", "ResourceNotFoundException", 404, policyName="gone")
    iot.refused("get_policy", "ResourceNotFoundException", 404, policyName="gone")


def versions(iot):
    second = iot.create_policy_version(policyName="site", policyDocument=TWO)
    assert (second["policyVersionId"], second["isDefaultVersion"], second["policyDocument"]) == ("2", False, TWO)
    assert iot.get_policy(policyName="site")["policyDocument"] == ONE
    iot.set_default_policy_version(policyName="site", policyVersionId="2")
    iot.set_default_policy_version(policyName="site", policyVersionId="2")
    shown = iot.get_policy(policyName="site")
    assert (shown["policyDocument"], shown["defaultVersionId"]) == (TWO, "2")
    first = iot.get_policy_version(policyName="site", policyVersionId="1")
    assert (first["policyDocument"], first["isDefaultVersion"]) == (ONE, False)
    assert first["generationId"] == shown["generationId"] and first["policyArn"] == shown["policyArn"]

    for number in "345":
        made = iot.create_policy_version(policyName="site", policyDocument=ONE, setAsDefault=number == "5")
        assert (made["policyVersionId"], made["isDefaultVersion"]) == (number, number == "5")
    iot.refused("create_policy_version", "VersionsLimitExceededException", 409, policyName="site", policyDocument=ONE)
    listed = iot.list_policy_versions(policyName="site")["policyVersions"]
    assert [(it["versionId"], it["isDefaultVersion"]) for it in listed] == [
        ("5", True), ("4", False), ("3", False), ("2", False), ("1", False)]
    iot.refused("delete_policy_version", "DeleteConflictException", 409, policyName="site", policyVersionId="5")
    iot.refused("delete_policy", "DeleteConflictException", 409, policyName="site")
    for number in "1234":
        iot.delete_policy_version(policyName="site", policyVersionId=number)
    sixth = iot.create_policy_version(policyName="site", policyDocument=TWO, setAsDefault=True)
    assert sixth["policyVersionId"] == "6", "a number is not given twice"
    iot.delete_policy_version(policyName="site", policyVersionId="5")

    for verb in ["get_policy_version", "set_default_policy_version", "delete_policy_version"]:
        iot.refused(verb, "ResourceNotFoundException", 404, policyName="site", policyVersionId="5")
        iot.refused(verb, "ResourceNotFoundException", 404, policyName="nothing", policyVersionId="1")
        iot.refused(verb, "InvalidRequestException", 400, policyName="site", policyVersionId="x")
    iot.refused("create_policy_version", "ResourceNotFoundException", 404, policyName="nothing", policyDocument=ONE)
    iot.refused("list_policy_versions", "ResourceNotFoundException", 404, policyName="nothing")


def targets(iot):
    arns = sorted(iot.create_keys_and_certificate(setAsActive=True)["certificateArn"] for _ in range(2))
    groups = [iot.create_thing_group(thingGroupName=name, **above)["thingGroupArn"] for name, above in [
        ("mine", {}), ("shaft", {"parentGroupName": "mine"})]]
    for target in arns + groups + arns:
        iot.attach_policy(policyName="site", target=target)
    iot.create_policy(policyName="shaft-only", policyDocument=ONE)
    iot.attach_policy(policyName="shaft-only", target=groups[1])
    assert pages(iot, "list_targets_for_policy", "targets", policyName="site") == arns + groups
    attached = lambda target, **how: [it["policyName"] for it in pages(
        iot, "list_attached_policies", "policies", target=target, **how)]
    assert attached(arns[0]) == ["site"] and attached(groups[1]) == ["shaft-only", "site"]
    iot.detach_policy(policyName="site", target=groups[1])
    assert attached(groups[1]) == ["shaft-only"] and attached(groups[1], recursive=True) == ["shaft-only", "site"]
    iot.refused("delete_policy", "DeleteConflictException", 409, policyName="shaft-only")

    effective = lambda **of: [it["policyName"] for it in iot.get_effective_policies(**of)["effectivePolicies"]]
    iot.create_thing(thingName="digger")
    iot.add_thing_to_thing_group(thingName="digger", thingGroupName="shaft")
    iot.create_policy(policyName="own", policyDocument=ONE)
    iot.attach_policy(policyName="own", target=arns[0])
    iot.detach_policy(policyName="site", target=arns[0])
    assert effective(principal=arns[0]) == ["own"] and effective(thingName="digger") == ["shaft-only", "site"]
    assert effective(principal=groups[1]) == ["shaft-only", "site"] and effective(principal=groups[0]) == ["site"]
    iot.refused("get_effective_policies", "InvalidRequestException", 400, principal=arns[0], thingName="digger")
    iot.attach_thing_principal(thingName="digger", principal=arns[0])
    assert effective(principal=arns[0], thingName="digger") == ["own", "shaft-only", "site"]
    [own] = iot.get_effective_policies(principal=arns[0])["effectivePolicies"]
    assert own["policyDocument"] == ONE and own["policyArn"] == f"{ARN}:policy/own"
    iot.detach_thing_principal(thingName="digger", principal=arns[0])

    for verb in ["attach_policy", "detach_policy"]:
        iot.refused(verb, "ResourceNotFoundException", 404, policyName="site", target=NOBODY)
        iot.refused(verb, "ResourceNotFoundException", 404, policyName="nothing", target=arns[0])
        iot.refused(verb, "ResourceNotFoundException", 404, policyName="site", target=f"{ARN}:thinggroup/nothing")
        iot.refused(verb, "InvalidRequestException", 400, policyName="site", target=f"{ARN}:thing/digger")
    for index in range(10):
        iot.create_policy(policyName=f"many-{index}", policyDocument=ONE)
        full = {"policyName": f"many-{index}", "target": groups[0]}
        if index < 9:
            iot.attach_policy(**full)
    iot.refused("attach_policy", "LimitExceededException", 410, **full)
    iot.refused("list_targets_for_policy", "ResourceNotFoundException", 404, policyName="nothing")
    iot.refused("list_attached_policies", "ResourceNotFoundException", 404, target=NOBODY)
    iot.refused("get_effective_policies", "ResourceNotFoundException", 404, thingName="nobody")
    iot.refused("get_effective_policies", "InvalidRequestException", 400)
    iot.refused("get_effective_policies", "InvalidRequestException", 400, cognitoIdentityPoolId="x", thingName="digger")


def principals(iot):
    arns = sorted(iot.create_keys_and_certificate(setAsActive=True)["certificateArn"] for _ in range(2))
    for arn in arns:
        for name in ["own", "many-0", "own"]:
            iot.attach_principal_policy(policyName=name, principal=arn)
    names = lambda **how: [it["policyName"] for it in pages(
        iot, "list_principal_policies", "policies", principal=arns[0], **how)]
    assert names(ascendingOrder=True) == ["many-0", "own"] and names() == ["own", "many-0"]
    holders = lambda **how: pages(iot, "list_policy_principals", "principals", policyName="many-0", **how)
    assert holders(ascendingOrder=True) == arns and holders() == arns[::-1], "groups are no principals"
    for _ in range(2):
        iot.detach_principal_policy(policyName="own", principal=arns[0])
    assert names() == ["many-0"]

    for verb in ["attach_principal_policy", "detach_principal_policy"]:
        iot.refused(verb, "ResourceNotFoundException", 404, policyName="own", principal=NOBODY)
        iot.refused(verb, "InvalidRequestException", 400, policyName="own", principal=f"{ARN}:thinggroup/mine")
    iot.refused("list_principal_policies", "ResourceNotFoundException", 404, principal=NOBODY)
    iot.refused("list_policy_principals", "ResourceNotFoundException", 404, policyName="nothing")


def authorization(iot):
    certificate = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    thing = "${iot:Connection.Thing.ThingName}"
    for name, text in [
        ("may", document(says("Allow", "Publish", f"topic/{thing}/*"), says("Allow", "Connect", "client/${iot:ClientId}"))),
        ("must-not", document(says("Deny", "Publish", "topic/*/secret"))),
        ("of-group", document(says("Allow", "Subscribe", "topicfilter/all/#"), says("Allow", "Receive", "topic/all/*"))),
        ("from-afar", document(says("Allow", "Connect", "client/*", IpAddress={"aws:SourceIp": "192.0.2.0/24"}))),
    ]:
        iot.create_policy(policyName=name, policyDocument=text)
    for name in ["may", "must-not"]:
        iot.attach_policy(policyName=name, target=certificate)
    group = iot.create_thing_group(thingGroupName="tested")["thingGroupArn"]
    iot.attach_policy(policyName="of-group", target=group)
    iot.create_thing(thingName="probe")
    iot.attach_thing_principal(thingName="probe", principal=certificate)
    iot.add_thing_to_thing_group(thingName="probe", thingGroupName="tested")

    def asked(kind, *resources, principal=certificate, **how):
        info = {"actionType": kind, "resources": [f"{ARN}:{it}" for it in resources]}
        [result] = iot.test_authorization(principal=principal, authInfos=[info], **how)["authResults"]
        assert result["authInfo"] == info
        names = lambda policies: [it["policyName"] for it in policies["policies"]]
        denied = result["denied"]
        return (result["authDecision"], names(result["allowed"]), names(denied["implicitDeny"]),
                names(denied["explicitDeny"]), result["missingContextValues"])

    as_thing = {"clientId": "probe"}
    assert asked("PUBLISH", "topic/probe/a", **as_thing) == ("ALLOWED", ["may"], ["must-not", "of-group"], [], [])
    assert asked("PUBLISH", "topic/probe/a", clientId="other") == (
        "IMPLICIT_DENY", [], ["may", "must-not"], [], ["iot:Connection.Thing.ThingName"])
    secret = asked("PUBLISH", "topic/probe/secret", **as_thing)
    assert secret == ("EXPLICIT_DENY", ["may"], ["of-group"], ["must-not"], [])
    assert asked("PUBLISH", "topic/probe/secret", policyNamesToSkip=["must-not"], **as_thing)[0] == "ALLOWED"
    assert asked("SUBSCRIBE", "topicfilter/all/#", **as_thing)[:2] == ("ALLOWED", ["of-group"])
    assert asked("RECEIVE", "topic/all/a", "topic/b", **as_thing)[:2] == ("IMPLICIT_DENY", ["of-group"])
    assert asked("RECEIVE", "topic/all/a", clientId="other")[0] == "IMPLICIT_DENY"
    assert asked("CONNECT", "client/probe", **as_thing)[:2] == ("ALLOWED", ["may"])
    assert asked("CONNECT", "client/probe")[4] == ["iot:ClientId"]
    afar = asked("CONNECT", "client/x", policyNamesToAdd=["from-afar"], policyNamesToSkip=["may"], **as_thing)
    assert afar == ("IMPLICIT_DENY", [], ["must-not", "of-group", "from-afar"], [], ["aws:SourceIp"])
    assert asked("RECEIVE", "topic/all/a", principal=group)[:2] == ("ALLOWED", ["of-group"])
    alone = {"authInfos": [{"actionType": "RECEIVE", "resources": [f"{ARN}:topic/all/a"]}]}
    [added] = iot.test_authorization(policyNamesToAdd=["of-group"], **alone)["authResults"]
    assert added["authDecision"] == "ALLOWED"
    assert len(iot.test_authorization(authInfos=alone["authInfos"] * 10)["authResults"]) == 10

    refused = lambda code, status, **asked: iot.refused("test_authorization", code, status, **(alone | asked))
    refused("ResourceNotFoundException", 404, principal=NOBODY)
    refused("ResourceNotFoundException", 404, policyNamesToAdd=["nothing"])
    refused("InvalidRequestException", 400, cognitoIdentityPoolId="x")
    refused("InvalidRequestException", 400, principal=f"{ARN}:thing/probe")
    for infos in [alone["authInfos"] * 11, [{"actionType": "CONNECT", "resources": []}],
                  [{"actionType": "CONNECT", "resources": [f"{ARN}:topic/all/a"]}],
                  [{"actionType": "RECEIVE", "resources": ["arn:aws:iot:eu-west-1:000000000000:topic/all/a"]}]]:
        refused("InvalidRequestException", 400, authInfos=infos)
