"""Acknowledges a notice by a signed link, as a person does, and not as a scanner of mail would.

Arguments: the link, and the notice's id."""

import json
import sys

from signed import http, send

link, notice = sys.argv[1:]


def shown():
    answer = send("GET", f"/api/v1/notices/{notice}")
    assert answer.status == 200, answer.data
    return json.loads(answer.data)


def page(method, url, body=b"", **fields):
    answer = http.request(method, url, body=body or None, headers=fields)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store" and answer.headers["referrer-policy"] == "no-referrer"
    return answer.status, answer.data.decode()


# Whatever follows links by itself changes nothing.
for method in ["GET", "HEAD", "GET"]:
    status, text = page(method, link)
    assert status == 200, (method, status, text)
assert "<button>" in text and "pump-1" in text and "acknowledgedBy" not in shown()

# Nothing of a link can be changed.
good, signature = link.split("&signature=")
other = "0" * 32
for bad in [good, link[:-1], good + "&signature=" + "0" * 64, link.replace(notice, other),
            link.replace("until=", "until=1"), link.replace(notice, "x")]:
    for method in ["GET", "POST"]:
        status, text = page(method, bad)
        assert status == 403 and "<button>" not in text, (bad, status, text)
for method in ["PUT", "DELETE"]:
    assert http.request(method, link).status in (400, 403, 404, 405), method
assert "acknowledgedBy" not in shown()

status, text = page("POST", link, b"name=%3Cb%3EAda&x=1", **{"content-type": "application/x-www-form-urlencoded"})
assert status == 200 and "&lt;b&gt;Ada" in text and "<b>" not in text and "<button>" not in text, text
assert shown()["acknowledgedBy"] == "<b>Ada, by a signed link" and shown()["state"] == "acknowledged"

# Once is enough.
status, text = page("POST", link, b"name=Bob")
assert status == 200 and "Bob" not in text and "Ada" in text, text
status, text = page("GET", link)
assert status == 200 and "<button>" not in text
