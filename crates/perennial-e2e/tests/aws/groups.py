"""Thing types, static thing groups, membership and tags: calls of each operation."""

from audits import pages


def types(iot):
    properties = {"thingTypeDescription": "Pumpe für Öl", "searchableAttributes": ["site", "level"]}
    new = {"thingTypeName": "pump", "thingTypeProperties": properties, "tags": [{"Key": "team", "Value": "oil"}]}
    made = iot.create_thing_type(**new)
    assert made["thingTypeArn"].endswith(":thingtype/pump")
    assert iot.create_thing_type(**new)["thingTypeId"] == made["thingTypeId"]
    exists = iot.refused("create_thing_type", "ResourceAlreadyExistsException", 409, thingTypeName="pump")
    assert exists["resourceArn"] == made["thingTypeArn"], exists
    shown = iot.describe_thing_type(thingTypeName="pump")
    assert shown["thingTypeProperties"] == {**properties, "searchableAttributes": ["level", "site"]}
    assert not shown["thingTypeMetadata"]["deprecated"]

    names = lambda **filters: [it["thingTypeName"] for it in pages(iot, "list_thing_types", "thingTypes", **filters)]
    assert names() == ["pump", "valve"] and names(thingTypeName="pump") == ["pump"]
    assert names(thingTypeName="nothing") == []
    iot.update_thing_type(thingTypeName="pump", thingTypeProperties={
        "thingTypeDescription": "pumps", "searchableAttributes": ["level", "site"]})
    assert iot.describe_thing_type(thingTypeName="pump")["thingTypeProperties"]["thingTypeDescription"] == "pumps"
    iot.refused("update_thing_type", "InvalidRequestException", 400, thingTypeName="pump",
                thingTypeProperties={"searchableAttributes": ["other"]})

    iot.refused("delete_thing_type", "InvalidRequestException", 400, thingTypeName="pump")
    iot.deprecate_thing_type(thingTypeName="pump")
    metadata = iot.describe_thing_type(thingTypeName="pump")["thingTypeMetadata"]
    assert metadata["deprecated"] and metadata["deprecationDate"] >= metadata["creationDate"]
    iot.refused("create_thing", "InvalidRequestException", 400, thingName="pump-9", thingTypeName="pump")
    early = iot.refused("delete_thing_type", "InvalidRequestException", 400, thingTypeName="pump")
    # Terraform goes by these words.
    assert "Please wait for 5 minutes after deprecation and then retry" in early["Error"]["Message"], early
    iot.deprecate_thing_type(thingTypeName="pump", undoDeprecate=True)
    iot.create_thing(thingName="pump-9", thingTypeName="pump")
    iot.delete_thing(thingName="pump-9")
    for verb in ["describe", "update", "deprecate", "delete"]:
        iot.refused(f"{verb}_thing_type", "ResourceNotFoundException", 404, thingTypeName="nothing")


def groups(iot):
    attributes = lambda merge, **values: {"attributePayload": {"attributes": values, "merge": merge}}
    new = {"thingGroupName": "plant", "thingGroupProperties": {
        "thingGroupDescription": "all of it", **attributes(False, site="north")}}
    made = iot.create_thing_group(**new)
    assert iot.create_thing_group(**new)["thingGroupId"] == made["thingGroupId"]
    exists = iot.refused("create_thing_group", "ResourceAlreadyExistsException", 409, thingGroupName="plant")
    assert exists["resourceArn"] == made["thingGroupArn"] and made["thingGroupArn"].endswith(":thinggroup/plant")
    iot.create_thing_group(thingGroupName="hall", parentGroupName="plant")
    iot.create_thing_group(thingGroupName="hall-corner", parentGroupName="hall")
    iot.create_thing_group(thingGroupName="yard", tags=[{"Key": "team", "Value": "oil"}])
    iot.refused("create_thing_group", "ResourceNotFoundException", 404, thingGroupName="x", parentGroupName="nothing")

    shown = iot.describe_thing_group(thingGroupName="hall-corner")
    assert shown["thingGroupMetadata"]["parentGroupName"] == "hall" and shown["thingGroupProperties"] == {}
    above = [it["groupName"] for it in shown["thingGroupMetadata"]["rootToParentThingGroups"]]
    assert above == ["plant", "hall"]
    names = lambda **filters: [it["groupName"] for it in pages(iot, "list_thing_groups", "thingGroups", **filters)]
    assert names() == ["hall", "hall-corner", "plant", "yard"] and names(recursive=False) == ["plant", "yard"]
    assert names(parentGroup="plant") == ["hall"] and names(namePrefixFilter="hall") == ["hall", "hall-corner"]
    assert names(parentGroup="plant", recursive=True) == ["hall", "hall-corner"]
    iot.refused("list_thing_groups", "ResourceNotFoundException", 404, parentGroup="nothing")

    update = lambda **properties: iot.update_thing_group(thingGroupName="plant", thingGroupProperties=properties)
    assert update(**attributes(True, level="7"))["version"] == 2
    assert iot.describe_thing_group(thingGroupName="plant")["thingGroupProperties"] == {
        "thingGroupDescription": "all of it", "attributePayload": {"attributes": {"site": "north", "level": "7"}}}
    assert update(**attributes(False))["version"] == 3 and update(thingGroupDescription="all of it")["version"] == 3
    assert iot.describe_thing_group(thingGroupName="plant")["thingGroupProperties"] == {
        "thingGroupDescription": "all of it"}
    iot.refused("update_thing_group", "VersionConflictException", 409, thingGroupName="plant",
                thingGroupProperties={}, expectedVersion=2)
    iot.refused("update_thing_group", "ResourceNotFoundException", 404, thingGroupName="x", thingGroupProperties={})
    iot.refused("describe_thing_group", "ResourceNotFoundException", 404, thingGroupName="x")


def members(iot):
    arns = {name: iot.create_thing(thingName=name)["thingArn"] for name in ["t-1", "t-2", "t-3"]}
    yard = iot.describe_thing_group(thingGroupName="yard")["thingGroupArn"]
    for _ in range(2):
        iot.add_thing_to_thing_group(thingName="t-1", thingGroupName="hall")
        iot.add_thing_to_thing_group(thingName="t-2", thingGroupName="plant")
        iot.add_thing_to_thing_group(thingArn=arns["t-1"], thingGroupArn=yard, overrideDynamicGroups=True)
    iot.add_thing_to_thing_group(thingName="t-1", thingArn=arns["t-1"], thingGroupName="yard", thingGroupArn=yard)
    of_group = lambda name, **how: pages(iot, "list_things_in_thing_group", "things", thingGroupName=name, **how)
    of_thing = lambda name: [it["groupName"] for it in pages(
        iot, "list_thing_groups_for_thing", "thingGroups", thingName=name)]
    assert of_group("plant") == ["t-2"] and of_group("plant", recursive=True) == ["t-1", "t-2"]
    assert of_thing("t-1") == ["hall", "yard"] and of_thing("t-3") == []

    same = iot.refused("add_thing_to_thing_group", "InvalidRequestException", 400,
                       thingName="t-1", thingGroupName="plant")
    assert "hall" in same["Error"]["Message"], same
    iot.update_thing_groups_for_thing(thingName="t-1", thingGroupsToAdd=["plant"], thingGroupsToRemove=["hall", "yard"])
    assert of_thing("t-1") == ["plant"]
    iot.refused("update_thing_groups_for_thing", "ResourceNotFoundException", 404, thingName="t-1",
                thingGroupsToAdd=["nothing"], thingGroupsToRemove=["plant"])
    assert of_thing("t-1") == ["plant"], "all or nothing"

    both = {"thingName": "t-1", "thingGroupName": "plant"}
    for verb in ["add_thing_to_thing_group", "remove_thing_from_thing_group"]:
        for bad in [{"thingName": "t-1"}, {"thingGroupName": "plant"}, both | {"thingArn": arns["t-2"]},
                    both | {"thingArn": yard}, both | {"thingGroupArn": "arn:x"}, both | {"thingGroupArn": yard}]:
            iot.refused(verb, "InvalidRequestException", 400, **bad)
        for bad in [{"thingName": "nobody"}, {"thingGroupName": "nothing"}]:
            iot.refused(verb, "ResourceNotFoundException", 404, **(both | bad))
    iot.refused("update_thing_groups_for_thing", "InvalidRequestException", 400, thingName="t-1",
                thingGroupsToAdd=["yard"], thingGroupsToRemove=["yard"])
    for _ in range(2):
        iot.remove_thing_from_thing_group(**both)
    iot.refused("list_things_in_thing_group", "ResourceNotFoundException", 404, thingGroupName="nothing")
    iot.refused("list_thing_groups_for_thing", "ResourceNotFoundException", 404, thingName="nobody")

    held = iot.refused("delete_thing_group", "InvalidRequestException", 400, thingGroupName="hall")
    assert "there are still child groups attached" in held["Error"]["Message"], held
    iot.refused("delete_thing_group", "VersionConflictException", 409, thingGroupName="yard", expectedVersion=2)
    iot.add_thing_to_thing_group(thingName="t-3", thingGroupName="hall-corner")
    for _ in range(2):
        iot.delete_thing_group(thingGroupName="hall-corner", expectedVersion=1)
    assert of_thing("t-3") == [] and of_group("plant", recursive=True) == ["t-2"]
    for name in arns:
        iot.delete_thing(thingName=name)
    assert of_group("plant") == []


def tags(iot):
    of = lambda arn: {tag["Key"]: tag["Value"] for tag in iot.list_tags_for_resource(resourceArn=arn)["tags"]}
    type = iot.describe_thing_type(thingTypeName="pump")["thingTypeArn"]
    group = iot.describe_thing_group(thingGroupName="yard")["thingGroupArn"]
    for arn in [type, group]:
        assert of(arn) == {"team": "oil"}
        iot.tag_resource(resourceArn=arn, tags=[{"Key": "team", "Value": "gas"}, {"Key": "cost center", "Value": "7"}])
        assert of(arn) == {"team": "gas", "cost center": "7"}
        iot.untag_resource(resourceArn=arn, tagKeys=["team", "none"])
        assert of(arn) == {"cost center": "7"}

    many = [{"Key": f"k{n}", "Value": ""} for n in range(50)]
    iot.refused("tag_resource", "LimitExceededException", 410, resourceArn=type, tags=many)
    assert of(type) == {"cost center": "7"}
    nothing = type.replace("pump", "nothing")
    for verb, more in [("tag_resource", {"tags": many[:1]}), ("untag_resource", {"tagKeys": ["a"]}),
                       ("list_tags_for_resource", {})]:
        iot.refused(verb, "ResourceNotFoundException", 404, resourceArn=nothing, **more)
        for bad in [type.replace("thingtype/pump", "thing/expiring"), "arn:x", type.replace("local-1", "eu-west-1")]:
            iot.refused(verb, "InvalidRequestException", 400, resourceArn=bad, **more)
