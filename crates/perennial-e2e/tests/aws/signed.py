"""Requests signed by botocore and sent as they are, for what no SDK would send."""

import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.session
import urllib3

session = botocore.session.Session()
region = session.get_config_variable("region")
endpoint = session.get_scoped_config()["endpoint_url"]
http = urllib3.PoolManager(ca_certs=session.get_scoped_config()["ca_bundle"], retries=False)


def send(method, target, body=b"", headers=None, region=region, at=None, spoil=None, credentials=None,
         service="iot"):
    """Signs and sends; `at` is the time of signing, `spoil` changes the header fields after it."""
    request = botocore.awsrequest.AWSRequest(
        method=method, url=endpoint + target, data=body, headers=dict(headers or {}))
    auth = botocore.auth.SigV4Auth(credentials or session.get_credentials(), service, region)
    kept = botocore.auth.get_current_datetime
    if at:
        botocore.auth.get_current_datetime = lambda: at
    auth.add_auth(request)
    botocore.auth.get_current_datetime = kept
    fields = {k: v.decode() if isinstance(v, bytes) else v for k, v in request.headers.items()}
    if spoil:
        spoil(fields)
    return http.urlopen(method, urllib.parse.urljoin(endpoint, target), body=body, headers=fields)
