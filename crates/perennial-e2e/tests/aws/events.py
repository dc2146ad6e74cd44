"""Events of the registry: which are told, and that a subscriber hears them."""

import json

from data_plane import EVERYTHING
from mqtt import Device

KINDS = {"THING", "THING_GROUP", "THING_TYPE", "THING_GROUP_MEMBERSHIP", "THING_GROUP_HIERARCHY",
         "THING_TYPE_ASSOCIATION", "JOB", "JOB_EXECUTION", "POLICY", "CERTIFICATE", "CA_CERTIFICATE"}


def configurations(iot):
    before = iot.describe_event_configurations()
    assert before["eventConfigurations"] == {kind: {"Enabled": False} for kind in KINDS}, before
    iot.refused("update_event_configurations", "InvalidRequestException", 400,
                eventConfigurations={"JOB": {"Enabled": True}})
    iot.update_event_configurations(eventConfigurations={"JOB": {"Enabled": False}, "THING": {"Enabled": True}})
    iot.update_event_configurations(eventConfigurations={"THING_TYPE_ASSOCIATION": {"Enabled": True}})
    after = iot.describe_event_configurations()
    enabled = {kind for kind, it in after["eventConfigurations"].items() if it["Enabled"]}
    assert enabled == {"THING", "THING_TYPE_ASSOCIATION"}, after
    assert after["creationDate"] <= after["lastModifiedDate"]


def told(iot):
    """What happens while it is enabled is heard in order; what is not enabled is not."""
    listener = Device(iot, "events", EVERYTHING)
    listener.subscribes("$aws/events/#")
    iot.create_thing_type(thingTypeName="told")
    made = iot.create_thing(thingName="told-1", thingTypeName="told",
                            attributePayload={"attributes": {"site": "7"}})
    iot.update_thing(thingName="told-1", removeThingType=True)
    iot.delete_thing(thingName="told-1")

    heard = []
    while len(heard) < 5:
        message = listener.hears()
        if "/thing" in message["topic"]:
            heard.append((message["topic"].removeprefix("$aws/events/"), json.loads(message["payload"])))
    assert [topic for topic, _ in heard] == [
        "thing/told-1/created", "thingTypeAssociation/thing/told-1/told", "thing/told-1/updated",
        "thingTypeAssociation/thing/told-1/told", "thing/told-1/deleted"], heard
    created = heard[0][1]
    assert created["eventType"] == "THING_EVENT" and created["thingId"] == made["thingId"], created
    assert (created["thingTypeName"], created["attributes"], created["versionNumber"]) == ("told", {"site": "7"}, 1)
    assert [payload["operation"] for _, payload in heard] == ["CREATED", "CREATED", "UPDATED", "DELETED", "DELETED"]
    assert len({payload["eventId"] for _, payload in heard}) == 5

    off = {kind: {"Enabled": False} for kind in KINDS}
    iot.update_event_configurations(eventConfigurations=off)
    listener.forget()
    iot.deprecate_thing_type(thingTypeName="told")


def all_of_it(iot):
    configurations(iot)
    told(iot)
