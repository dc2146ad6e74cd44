"""HTTPS as a device speaks it: a client certificate and no signature."""

import http.client
import json
import ssl
import urllib.parse

from signed import endpoint, session


class Connection:
    """One connection of the holder of a certificate, or of nobody's."""

    def __init__(self, certificate=None, key=None, alpn=None):
        context = ssl.create_default_context(cafile=session.get_scoped_config()["ca_bundle"])
        if certificate:
            context.load_cert_chain(certificate, key)
        if alpn:
            context.set_alpn_protocols([alpn])
        address = urllib.parse.urlsplit(endpoint)
        self.http = http.client.HTTPSConnection(address.hostname, address.port, timeout=60, context=context)

    def publishes(self, topic, body=b"{}", qos=1, headers=None):
        """The status and the answer; an OSError when the connection is refused or broke."""
        self.http.request("POST", f"/topics/{topic}?qos={qos}", body=body, headers=headers or {})
        response = self.http.getresponse()
        return response.status, json.loads(response.read())


def refused(certificate, key):
    """Whether a new connection is refused in its handshake."""
    try:
        Connection(certificate, key).publishes("devices/x/x")
    except OSError:
        return True
    return False
