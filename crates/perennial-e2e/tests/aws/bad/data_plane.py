"""The data plane's."""

from signed import region

from .words import as_

PAYLOAD = "x-amz-mqtt5-payload-format-indicator"

ROWS = [
    (404, "UnknownOperationException", ("GET", "/things")),
    (404, "UnknownOperationException", ("POST", "/topics/")),
    (404, "UnknownOperationException", ("PUT", "/topics/a")),
    (400, "InvalidRequestException", ("POST", "/topics/a?qos=2")),
    (400, "InvalidRequestException", ("POST", "/topics/a?retain=1")),
    (400, "InvalidRequestException", ("POST", "/topics/a?colour=red")),
    (400, "InvalidRequestException", ("POST", "/topics/%FF")),
    (400, "InvalidRequestException", ("POST", "/topics/" + "a" * 257)),
    (400, "InvalidRequestException", ("POST", "/topics/a?messageExpiry=4294967296")),
    (400, "InvalidRequestException", ("POST", "/topics/a", b"", {PAYLOAD: "UTF-8"})),
    (400, "InvalidRequestException", ("POST", "/topics/a", b"", {"x-amz-mqtt5-user-properties": "W10"})),
    (400, "InvalidRequestException", ("POST", "/topics/a", b"", {"x-amz-mqtt5-correlation-data": "?"})),
    (413, "RequestEntityTooLargeException", ("POST", "/topics/a", b" " * (1024 * 1024 + 1))),
    (403, "InvalidSignatureException", ("POST", "/topics/a", b"", None, region, None, as_(PAYLOAD, "UTF8_DATA"))),
    (404, "ResourceNotFoundException", ("GET", "/retainedMessage/a%2Fb")),
    (400, "InvalidRequestException", ("GET", "/retainedMessage?maxResults=201")),
    (400, "InvalidRequestException", ("GET", "/retainedMessage?nextToken=AAAA")),
    (400, "InvalidRequestException", ("DELETE", "/connections/a?cleanSession=1")),
    (404, "ResourceNotFoundException", ("DELETE", "/connections/a?cleanSession=true")),
]
