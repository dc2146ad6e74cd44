"""Access keys: each role may do what it is for, a revoked key nothing, and the last one stays."""

import json

import botocore.credentials
from signed import send, session

NOTHING = json.dumps({"policyDocument": "{}"}).encode()
# One request of each kind, which changes nothing even where it is let through.
READ, OPERATE, ADMINISTER = ("GET", "/things"), ("POST", "/policies/p", NOTHING), ("GET", "/api/v1/access-keys")
MAY = {"administrator": "ROA", "operator": "RO", "auditor": "R", "read-only": "R"}


def ask(method, target, body=b"", credentials=None):
    response = send(method, target, body, credentials=credentials)
    return response.status, response.headers.get("x-amzn-errortype"), json.loads(response.data)


def create(role):
    body = json.dumps({"role": role, "description": f"the {role}'s"}).encode()
    status, _, made = ask("POST", "/api/v1/access-keys", body)
    assert status == 200 and made["role"] == role, made
    return made["accessKeyId"], botocore.credentials.Credentials(made["accessKeyId"], made["secretAccessKey"])


made = {role: create(role) for role in MAY}
for role, (_, credentials) in made.items():
    for letter, request in zip("ROA", [READ, OPERATE, ADMINISTER]):
        status, code, answer = ask(*request, credentials=credentials)
        denied = code == "AccessDeniedException"
        assert denied != (letter in MAY[role]), (role, request, status, answer)
        assert not denied or status == 403

first = session.get_credentials().access_key
listed = ask(*ADMINISTER)[2]["accessKeys"]
assert {key["accessKeyId"] for key in listed} == {first} | {key for key, _ in made.values()}
assert not any("secret" in name.lower() for key in listed for name in key)

for role, (key, credentials) in made.items():
    assert ask("DELETE", f"/api/v1/access-keys/{key}")[0] == 200
    assert ask("DELETE", f"/api/v1/access-keys/{key}")[0] == 200
    status, code, _ = ask(*READ, credentials=credentials)
    assert (status, code) == (403, "UnrecognizedClientException"), (role, status, code)

status, code, answer = ask("DELETE", f"/api/v1/access-keys/{first}")
assert (status, code) == (400, "InvalidRequestException"), answer
assert ask("DELETE", "/api/v1/access-keys/PRNLNOBODY")[1] == "ResourceNotFoundException"
assert ask("POST", "/api/v1/access-keys", b'{"role": "root"}')[1] == "InvalidRequestException"
