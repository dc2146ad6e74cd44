"""SearchIndex: things by name, type, group, attribute, connectivity and the end of their certificates."""

import subprocess
import time

from data_plane import EVERYTHING
from mqtt import Device


def found(iot, query, size=3):
    """The names that a query finds, in pages that may be short."""
    names, token = [], None
    while True:
        page = iot.search_index(queryString=query, maxResults=size, **({"nextToken": token} if token else {}))
        assert len(page["things"]) <= size
        names += [it["thingName"] for it in page["things"]]
        token = page.get("nextToken")
        if not token:
            return sorted(names)


def until_found(iot, query, wanted):
    until = time.monotonic() + 20
    while found(iot, query) != wanted:
        assert time.monotonic() < until, f"{query}: {found(iot, query)}, not {wanted}"


def queries(iot):
    iot.create_thing_type(thingTypeName="Searched")
    iot.create_thing_group(thingGroupName="searched-group")
    for number in range(5):
        attributes = {"site": f"Lyon-{number % 2}", "level": str(number * 10)}
        iot.create_thing(thingName=f"Searched-{number}", thingTypeName="Searched",
                         attributePayload={"attributes": attributes})
    iot.add_thing_to_thing_group(thingName="Searched-3", thingGroupName="searched-group")
    names = lambda *numbers: [f"Searched-{number}" for number in numbers]
    for query, wanted in [
        ("thingName:searched-2", names(2)),
        ("thingName:searched-*", names(0, 1, 2, 3, 4)),
        ("thingTypeName:searched", names(0, 1, 2, 3, 4)),
        ("thingGroupNames:searched-group", names(3)),
        ("attributes.site:\"lyon-1\"", names(1, 3)),
        ("attributes.site:lyon* AND attributes.level:[10 TO 30}", names(1, 2)),
        ("thingTypeName:Searched -attributes.site:lyon-0", names(1, 3)),
        ("thingName:(searched-1 OR searched-4) AND NOT attributes.level>20", names(1)),
        ("lyon-1", names(1, 3)),
        ("thingTypeName:searched AND connectivity.connected:true", []),
    ]:
        assert found(iot, query) == wanted, f"{query}: {found(iot, query)}"
    [document] = iot.search_index(indexName="AWS_Things", queryString="thingName:Searched-3",
                                  queryVersion="2017-09-30")["things"]
    assert document["thingGroupNames"] == ["searched-group"] and document["thingTypeName"] == "Searched", document
    assert document["attributes"] == {"site": "Lyon-1", "level": "30"}
    assert document["connectivity"] == {"connected": False}


def live(iot):
    """A device that comes and goes, and a certificate that ends."""
    device = Device(iot, "Searched-0", EVERYTHING)
    listening = subprocess.Popen(device.command("mosquitto_sub", "-t", "searched"))
    until_found(iot, "thingTypeName:searched connectivity.connected:true", ["Searched-0"])
    listening.terminate()
    listening.wait(timeout=60)
    query = "thingName:searched-* connectivity.disconnectReason:CLIENT_INITIATED_DISCONNECT"
    until_found(iot, query, ["Searched-0"])

    certificate = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_thing_principal(thingName="Searched-4", principal=certificate["certificateArn"])
    shown = iot.describe_certificate(certificateId=certificate["certificateId"])["certificateDescription"]
    end = int(shown["validity"]["notAfter"].timestamp() * 1000)
    assert found(iot, f"certificate.notAfter:[{end} TO {end}] AND thingName:searched*") == ["Searched-4"]
    assert "Searched-4" not in found(iot, f"certificate.notAfter<{end}")
    iot.update_certificate(certificateId=certificate["certificateId"], newStatus="INACTIVE")
    assert found(iot, "certificate.notAfter>0 thingName:searched-4") == []


def refused(iot):
    for query in ["thingName:", "(a", "a*b", "shadow.reported.x:1", "[1 TO 2]", " ".join("a" * 13)]:
        iot.refused("search_index", "InvalidQueryException", 400, queryString=query)
    iot.refused("search_index", "ResourceNotFoundException", 404, queryString="a", indexName="AWS_ThingGroups")
    iot.refused("search_index", "InvalidRequestException", 400, queryString="a", queryVersion="2016-03-23")
    token = iot.search_index(queryString="thingName:searched*", maxResults=1)["nextToken"]
    iot.refused("search_index", "InvalidRequestException", 400, queryString="thingName:s*", nextToken=token)


def indexing(iot):
    assert iot.list_indices()["indexNames"] == ["AWS_Things"]
    assert iot.describe_index(indexName="AWS_Things")["indexStatus"] == "ACTIVE"
    iot.refused("describe_index", "ResourceNotFoundException", 404, indexName="AWS_ThingGroups")
    shown = iot.get_indexing_configuration()["thingIndexingConfiguration"]
    assert (shown["thingIndexingMode"], shown["thingConnectivityIndexingMode"]) == ("REGISTRY", "STATUS")
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
    for mode in ["OFF", "REGISTRY_AND_SHADOW"]:
        iot.refused("update_indexing_configuration", "InvalidRequestException", 400,
                    thingIndexingConfiguration={"thingIndexingMode": mode})


def all_of_it(iot):
    queries(iot)
    live(iot)
    refused(iot)
    indexing(iot)
