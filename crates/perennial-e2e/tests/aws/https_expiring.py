"""A device whose certificate is about to end publishes over HTTPS until then, and not in the recovery after it.
Arguments: its certificate and its key, and a topic of its own."""

import sys

from https import Connection, refused
from waiting import until

certificate, key, topic = sys.argv[1:]
https = Connection(certificate, key)
assert https.publishes(topic)[0] == 200


def not_taken():
    status, answer = https.publishes(topic)
    return (status, answer) if status != 200 else None


status, answer = until(not_taken, "it goes on")
assert (status, answer["message"]) == (403, "Forbidden"), (status, answer)
assert refused(certificate, key)
