"""A device whose certificate is about to end publishes over HTTPS until then, and not in the recovery after it.
Arguments: its certificate and its key, and a topic of its own."""

import sys
import time

from https import Connection, refused

certificate, key, topic = sys.argv[1:]
https = Connection(certificate, key)
assert https.publishes(topic)[0] == 200

end = time.monotonic() + 60
while True:
    status, answer = https.publishes(topic)
    if status != 200:
        break
    assert time.monotonic() < end, "it goes on"
    time.sleep(0.05)
assert (status, answer["message"]) == (403, "Forbidden"), (status, answer)
assert refused(certificate, key)
