"""Signs requests with botocore and prints them, one JSON object a line: what the server must accept.

Arguments: how many made-up requests, and the seed. Beside them, every operation's own request as
boto3's client makes it, with input made up from the service model.
"""

import base64
import json
import random
import sys
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.session

KEY, SECRET, REGION = "PRNLTESTTESTTESTTEST", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "local-1"
HOST = "localhost:8443"
LETTERS = "abcXYZ019-_.~:@/+=,;!*'()&?#[]{}|\\^`\" %$<>äß€😀\t"


def emit(prepared):
    parts = urllib.parse.urlsplit(prepared.url)
    headers = [(k, v.decode() if isinstance(v, bytes) else str(v)) for k, v in prepared.headers.items()]
    if not any(k.lower() == "host" for k, _ in headers):
        headers.append(("Host", parts.netloc))
    body = prepared.body or b""
    if isinstance(body, str):
        body = body.encode()
    print(json.dumps({
        "method": prepared.method, "path": parts.path or "/", "query": parts.query,
        "headers": headers, "body": base64.b64encode(body).decode(),
    }))


def text(rng, most):
    return "".join(rng.choice(LETTERS) for _ in range(rng.randrange(1, most)))


def made_up(rng):
    segments = [urllib.parse.quote(text(rng, 12), safe="~") for _ in range(rng.randrange(4))]
    segments = ["x" if s.strip(".") == "" else s for s in segments]
    path = "/" + "/".join(segments) + rng.choice(["", "/"] if segments else [""])
    url = f"https://{HOST}{path}"
    pairs = [(text(rng, 8), text(rng, 12) if rng.random() < 0.9 else "") for _ in range(rng.randrange(5))]
    if pairs:
        url += "?" + urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote, safe="-_.~")
    headers = {"Content-Type": "application/json"} if rng.random() < 0.5 else {}
    if rng.random() < 0.5:
        headers["x-amzn-principal"] = "arn:aws:iot:local-1:000000000000:cert/  " + "ab" * 32
    body = text(rng, 200).encode() if rng.random() < 0.6 else b""
    method = rng.choice(["GET", "POST", "PUT", "PATCH", "DELETE"])
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=headers)
    credentials = botocore.credentials.Credentials(KEY, SECRET)
    botocore.auth.SigV4Auth(credentials, "iot", REGION).add_auth(request)
    emit(request.prepare())


def value(shape, rng, depth=0):
    kind = shape.type_name
    if kind == "structure":
        members = shape.members.items() if depth < 4 else []
        return {n: value(s, rng, depth + 1) for n, s in members
                if n in shape.required_members or rng.random() < 0.5}
    if kind == "list":
        return [value(shape.member, rng, depth + 1)]
    if kind == "map":
        return {"k": value(shape.value, rng, depth + 1)}
    if kind == "string":
        if getattr(shape, "enum", None):
            return rng.choice(shape.enum)
        least = shape.metadata.get("min", 1)
        return ("aB:cert/ü %+" * 12)[: max(least, rng.randrange(1, 40))]
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "timestamp":
        return 1700000000
    if kind == "blob":
        return b"\x00blob"
    return rng.randrange(1, 250)


def of_the_client(rng):
    session = botocore.session.Session()
    session.set_credentials(KEY, SECRET)
    client = session.create_client(
        "iot", region_name=REGION, endpoint_url=f"https://{HOST}",
        config=botocore.config.Config(parameter_validation=False, inject_host_prefix=False))

    def capture(request, **_):
        emit(request)
        return botocore.awsrequest.AWSResponse(request.url, 200, {}, None)

    client.meta.events.register_first("before-send.iot", capture)
    model = client.meta.service_model
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        try:
            client._make_api_call(name, value(shape, rng) if shape else {})
        except AttributeError:
            pass  # There is no answer to read; what was sent is out.


import botocore.config  # noqa: E402

seed = int(sys.argv[2])
for _ in range(int(sys.argv[1])):
    made_up(rng := random.Random(seed))
    seed += 1
of_the_client(random.Random(seed))
