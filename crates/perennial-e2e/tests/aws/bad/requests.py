"""Paths, query strings and bodies that are none."""

import json

from .words import HEX, long

policy = json.dumps({"policyDocument": "{}"}).encode()
deep = b"[" * 100_000

ROWS = [
    # What is not there.
    (404, "UnknownOperationException", ("GET", "/nowhere")),
    (404, "UnknownOperationException", ("PATCH", "/things")),
    (404, "ResourceNotFoundException", ("GET", f"/certificates/{HEX}")),
    # Names and ids.
    (400, "InvalidRequestException", ("GET", f"/things/{long}")),
    (400, "InvalidRequestException", ("GET", "/things/a%20b")),
    (400, "InvalidRequestException", ("GET", "/things/%FF")),
    (400, "InvalidRequestException", ("GET", "/things/a%2Fb")),
    (400, "InvalidRequestException", ("GET", f"/policies/{long}")),
    (400, "InvalidRequestException", ("GET", "/certificates/abc")),
    (400, "InvalidRequestException", ("GET", f"/certificates/{'g' * 64}")),
    # Query strings.
    (400, "InvalidRequestException", ("GET", "/things?maxResults=0")),
    (400, "InvalidRequestException", ("GET", "/things?maxResults=251")),
    (400, "InvalidRequestException", ("GET", "/things?maxResults=-1")),
    (400, "InvalidRequestException", ("GET", "/things?maxResults=ten")),
    (400, "InvalidRequestException", ("GET", "/things?maxResults=1&maxResults=2")),
    (400, "InvalidRequestException", ("GET", "/things?colour=red")),
    (400, "InvalidRequestException", ("GET", "/things?nextToken=AAAA")),
    (400, "InvalidRequestException", ("GET", "/things?nextToken=%21")),
    (400, "InvalidRequestException", ("GET", "/things?nextToken=" + "A" * 4096)),
    (400, "InvalidRequestException", ("GET", "/certificates?isAscendingOrder=yes")),
    (400, "InvalidRequestException", ("PUT", f"/certificates/{HEX}")),
    (400, "InvalidRequestException", ("PUT", f"/certificates/{HEX}?newStatus=active")),
    # Bodies.
    (400, "SerializationException", ("POST", "/policies/p", b"{")),
    (400, "SerializationException", ("POST", "/policies/p", b"\xff")),
    (400, "SerializationException", ("POST", "/policies/p", policy + b"x")),
    (400, "SerializationException", ("POST", "/policies/p", b"[]")),
    (400, "SerializationException", ("POST", "/things/array", b"[null, null]")),
    (400, "InvalidRequestException", ("POST", "/things/array", b'{"attributePayload": [{"a": "1"}, true]}')),
    (400, "SerializationException", ("POST", "/policies/p", deep)),
    (400, "SerializationException", ("POST", "/policies/p", b'{"policyDocument": "\\ud800"}')),
    (400, "InvalidRequestException", ("POST", "/policies/p", b"{}")),
    (400, "InvalidRequestException", ("POST", "/policies/p", b'{"policyDocument": 1}')),
    (400, "InvalidRequestException", ("POST", "/policies/p", b'{"policyDocument": "", "policyDocument": ""}')),
    (400, "InvalidRequestException", ("POST", "/policies/p", b'{"policyDocument": "{}", "colour": 1}')),
    (400, "InvalidRequestException", ("GET", "/things", b'{"colour": 1}')),
    (400, "MalformedPolicyException", ("POST", "/policies/p", policy)),
    (400, "InvalidRequestException", ("POST", "/certificates", b'{"certificateSigningRequest": "x"}')),
    (400, "InvalidRequestException",
     ("POST", "/certificates", json.dumps({"certificateSigningRequest": "x" * 5000}).encode())),
    (413, "RequestEntityTooLargeException", ("POST", "/policies/p", b" " * (1024 * 1024 + 1))),
]
