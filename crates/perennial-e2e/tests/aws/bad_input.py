"""Bad input gets AWS's error for it: each row is sent signed, but as no SDK would send it."""

import json
import sys

from bad import audits, cas, data_plane, logging, policies, provisioning, registry, requests, search, signatures
from signed import send

IOT = [row for room in [requests, registry, policies, audits, cas, logging, provisioning, search, signatures] for row in room.ROWS]

faults = 0
for status, code, arguments, service in [(*row, "iot") for row in IOT] + [(*row, "iotdata") for row in data_plane.ROWS]:
    response = send(*arguments, service=service)
    got = (response.status, response.headers.get("x-amzn-errortype"))
    problem = None
    if got != (status, code):
        problem = f"{got}, not {(status, code)}"
    elif not isinstance(json.loads(response.data).get("message"), str):
        problem = "no message"
    elif not response.headers.get("x-amzn-requestid"):
        problem = "no request id"
    if problem:
        faults += 1
        shown = [a if len(str(a)) < 200 else "…" for a in arguments[:3]]
        print(f"{shown}: {problem}: {response.data[:300]}", file=sys.stderr)

# None of it left anything behind.
for listed, member in [("/things", "things"), ("/certificates", "certificates"), ("/cacertificates", "certificates"),
                       ("/thing-types", "thingTypes"), ("/thing-groups", "thingGroups"),
                       ("/mitigationactions/actions", "actionIdentifiers")]:
    left = json.loads(send("GET", listed).data)[member]
    if left:
        faults += 1
        print(f"{listed}: {left}", file=sys.stderr)
print(f"{len(IOT) + len(data_plane.ROWS)} bad requests, {faults} faults", file=sys.stderr if faults else sys.stdout)
sys.exit(1 if faults else 0)
