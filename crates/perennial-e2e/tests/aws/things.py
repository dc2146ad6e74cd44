"""Things and what is attached to them: calls of each operation."""

from audits import pages

EXCLUSIVE, SHARED = "EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"


def attributes(iot, name):
    return iot.describe_thing(thingName=name)["attributes"]


def lifecycle(iot):
    iot.create_thing_type(thingTypeName="valve")
    new = {"thingName": "valve-1", "thingTypeName": "valve", "attributePayload": {"attributes": {"site": "north"}}}
    made = iot.create_thing(**new)
    assert iot.create_thing(**new)["thingId"] == made["thingId"]
    exists = iot.refused("create_thing", "ResourceAlreadyExistsException", 409, thingName="valve-1")
    assert exists["resourceArn"] == made["thingArn"] and exists["resourceId"] == made["thingId"], exists
    shown = iot.describe_thing(thingName="valve-1")
    assert (shown["thingTypeName"], shown["attributes"], shown["version"]) == ("valve", {"site": "north"}, 1)
    assert (shown["thingId"], shown["thingArn"]) == (made["thingId"], made["thingArn"])

    change = lambda merge, **values: iot.update_thing(
        thingName="valve-1", attributePayload={"attributes": values, "merge": merge})
    change(True, level="7")
    assert attributes(iot, "valve-1") == {"site": "north", "level": "7"}
    change(True, site="")
    assert attributes(iot, "valve-1") == {"level": "7"}
    change(False, site="south")
    assert attributes(iot, "valve-1") == {"site": "south"}
    change(False, site="south")
    iot.update_thing(thingName="valve-1", attributePayload={"merge": True})
    assert iot.describe_thing(thingName="valve-1")["version"] == 4, "what changes nothing is no version"

    iot.refused("update_thing", "VersionConflictException", 409, thingName="valve-1", expectedVersion=3)
    iot.update_thing(thingName="valve-1", removeThingType=True, expectedVersion=4)
    assert "thingTypeName" not in iot.describe_thing(thingName="valve-1")
    iot.update_thing(thingName="valve-1", thingTypeName="valve")
    assert iot.describe_thing(thingName="valve-1")["thingTypeName"] == "valve"
    iot.refused("update_thing", "InvalidRequestException", 400,
                thingName="valve-1", thingTypeName="valve", removeThingType=True)
    for verb, name in [("create_thing", "valve-9"), ("update_thing", "valve-1")]:
        iot.refused(verb, "ResourceNotFoundException", 404, thingName=name, thingTypeName="nothing")
    iot.refused("update_thing", "ResourceNotFoundException", 404, thingName="nobody")

    iot.refused("delete_thing", "VersionConflictException", 409, thingName="valve-1", expectedVersion=1)
    iot.delete_thing(thingName="valve-1", expectedVersion=6)
    iot.delete_thing(thingName="valve-1")
    iot.refused("describe_thing", "ResourceNotFoundException", 404, thingName="valve-1")
    assert iot.create_thing(**new)["thingId"] != made["thingId"]


def lists(iot):
    for name, site in [("valve-2", "north-1"), ("valve-3", "north-2"), ("meter-1", "north-1")]:
        type = {"thingTypeName": "valve"} if name.startswith("valve") else {}
        iot.create_thing(thingName=name, attributePayload={"attributes": {"site": site}}, **type)
    names = lambda **filters: [it["thingName"] for it in pages(iot, "list_things", "things", **filters)]
    of_site = lambda value, **more: names(attributeName="site", attributeValue=value, **more)

    assert names(thingTypeName="valve") == ["valve-1", "valve-2", "valve-3"]
    assert of_site("north-1") == ["meter-1", "valve-2"] and of_site("nort") == []
    assert of_site("north", usePrefixAttributeValue=True) == ["valve-1", "meter-1", "valve-2", "valve-3"]
    assert of_site("north-1", thingTypeName="valve") == ["valve-2"]
    assert of_site("north-", usePrefixAttributeValue=True, thingTypeName="valve") == ["valve-2", "valve-3"]
    assert names(thingTypeName="nothing") == [] and {"valve-1", "meter-1"} <= set(names())
    [listed] = [it for it in iot.list_things(thingTypeName="valve")["things"] if it["thingName"] == "valve-3"]
    assert (listed["attributes"], listed["version"]) == ({"site": "north-2"}, 1)

    page = iot.list_things(thingTypeName="valve", maxResults=1)
    iot.refused("list_things", "InvalidRequestException", 400, nextToken=page["nextToken"], maxResults=1)
    for name in ["valve-2", "valve-3", "meter-1"]:
        iot.delete_thing(thingName=name)


def principals(iot):
    arns = [iot.create_keys_and_certificate(setAsActive=True)["certificateArn"] for _ in range(2)]
    alone, shared = arns
    for name in ["valve-1", "valve-2"]:
        iot.create_thing(thingName=name, **({"thingTypeName": "valve", "attributePayload": {
            "attributes": {"site": "north"}}} if name == "valve-1" else {}))
        iot.attach_thing_principal(thingName=name, principal=shared, thingPrincipalType=SHARED)
    iot.attach_thing_principal(thingName="valve-1", principal=alone, thingPrincipalType=EXCLUSIVE)
    iot.attach_thing_principal(thingName="valve-1", principal=alone, thingPrincipalType=EXCLUSIVE)

    of_thing = lambda **filters: [(it["principal"], it["thingPrincipalType"]) for it in pages(
        iot, "list_thing_principals_v2", "thingPrincipalObjects", thingName="valve-1", **filters)]
    of_principal = lambda arn, **filters: [(it["thingName"], it["thingPrincipalType"]) for it in pages(
        iot, "list_principal_things_v2", "principalThingObjects", principal=arn, **filters)]
    assert sorted(of_thing()) == sorted([(alone, EXCLUSIVE), (shared, SHARED)])
    assert of_thing(thingPrincipalType=EXCLUSIVE) == [(alone, EXCLUSIVE)]
    assert of_principal(alone) == of_principal(alone, thingPrincipalType=EXCLUSIVE) == [("valve-1", EXCLUSIVE)]
    assert of_principal(alone, thingPrincipalType=SHARED) == []
    assert of_principal(shared) == [("valve-1", SHARED), ("valve-2", SHARED)]
    assert sorted(pages(iot, "list_thing_principals", "principals", thingName="valve-1")) == sorted(arns)

    for name, arn, kind in [("valve-2", alone, SHARED), ("valve-2", alone, EXCLUSIVE), ("valve-1", shared, EXCLUSIVE)]:
        iot.refused("attach_thing_principal", "InvalidRequestException", 400,
                    thingName=name, principal=arn, thingPrincipalType=kind)
    iot.refused("delete_thing", "InvalidRequestException", 400, thingName="valve-1")
    iot.refused("list_thing_principals_v2", "ResourceNotFoundException", 404, thingName="nobody")
    iot.refused("list_principal_things_v2", "ResourceNotFoundException", 404, principal=alone[:-64] + "0" * 64)
    iot.refused("detach_thing_principal", "ResourceNotFoundException", 404, thingName="nobody", principal=alone)
    for name, arn in [("valve-1", alone), ("valve-1", shared), ("valve-2", shared)]:
        iot.detach_thing_principal(thingName=name, principal=arn)
    for name in ["valve-1", "valve-2"]:
        iot.delete_thing(thingName=name)
