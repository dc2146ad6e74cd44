#!/usr/bin/env python3
"""A device that speaks only the bare payloads of docs/protocol.md and rotates its certificate.

It needs paho-mqtt 2.x and the openssl command. Each event is one JSON line on stdout.
Exit code: 0 after one rotation with --once, 1 when the broker does not let it in.
"""

import argparse
import json
import os
import queue
import ssl
import subprocess
import sys
import tempfile
import time

import paho.mqtt.client as mqtt

WAIT_SECONDS = 20


def main():
    settings = arguments()
    try:
        Device(settings).run()
    except (OSError, Refused) as error:
        say("gave_up", error=str(error))
        sys.exit(1)


def arguments():
    parser = argparse.ArgumentParser(description="A bare device: see README.md.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8883)
    parser.add_argument("--ca", required=True, help="PEM of the authorities the broker may have")
    parser.add_argument("--cert", required=True, help="this device's certificate; replaced")
    parser.add_argument("--key", required=True, help="its key; replaced")
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--prefix", default="management/topic")
    parser.add_argument("--once", action="store_true", help="end after one rotation")
    return parser.parse_args()


class Refused(Exception):
    """The broker did not let the device in, or not in time."""


class Device:
    """One session at a time; the candidate lies beside the current files until it is proven."""

    def __init__(self, settings):
        self.settings = settings
        self.current = (settings.cert, settings.key)
        self.candidate = (settings.cert + ".candidate", settings.key + ".candidate")
        self.inbox = queue.Queue()
        self.session = None
        self.rotated = False

    def run(self):
        finish_promotion(self.candidate, self.current)
        if os.path.exists(self.candidate[0]):  # it stopped between delivery and promotion
            self.prove_candidate()
        else:
            self.session = self.connect(self.current)
        while not (self.settings.once and self.rotated):
            kind, payload = self.inbox.get()
            say("received", kind=kind)
            self.answer(kind, payload)
        close(self.session)

    def answer(self, kind, payload):
        try:
            payload = json.loads(payload)
            if kind == "csr_req":
                another = payload.get("refused") is not None
                self.publish("csr_res", {"CSR": self.make_csr(another)})
            else:
                self.take(payload["certificatePem"] + payload.get("chainPem", ""))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.give_up(f"{kind} is not understood: {error!r}")
        except subprocess.CalledProcessError as error:
            self.give_up(f"{kind}: openssl says: {error.stderr.decode(errors='replace').strip()[:300]}")

    def make_csr(self, another):
        """A new P-256 key, durable before the CSR leaves. Asked again, it is the same key, unless
        the server refused it and asks for another."""
        key = self.candidate[1]
        if another or not os.path.exists(key):
            write_file(key, openssl("genpkey", "-algorithm", "EC",
                                    "-pkeyopt", "ec_paramgen_curve:P-256"))
        subject = "/CN=" + self.settings.client_id.replace("/", "\\/")
        return openssl("req", "-new", "-key", key, "-subj", subject).decode()

    def take(self, certificate):
        certified = openssl("x509", "-noout", "-pubkey", stdin=certificate.encode())
        if certified == public_key(self.current[1]):  # delivered twice, or renewed without asking
            self.publish("crt_ack", {})
        elif not os.path.exists(self.candidate[1]):
            self.give_up("nobody asked for a certificate: there is no key for it")
        elif certified != public_key(self.candidate[1]):
            self.give_up("the certificate does not match the key")
        else:
            write_file(self.candidate[0], certificate.encode())
            close(self.session)
            self.prove_candidate()

    def prove_candidate(self):
        """Connects with the candidate; only then does it become the current one."""
        try:
            self.session = self.connect(self.candidate)
        except (OSError, Refused) as error:
            self.session = self.connect(self.current)
            self.give_up(f"no connection with the certificate: {error}")
            return
        self.publish("crt_ack", {})
        promote(self.candidate, self.current)
        self.rotated = True
        say("rotated", certificate=self.settings.cert)

    def give_up(self, problem):
        """Tells the server, then forgets the candidate; the current credentials stay."""
        self.publish("crt_err", {"error": problem})
        for path in self.candidate:  # the certificate first: alone it means half a promotion
            if os.path.exists(path):
                os.remove(path)
        sync_folder(folder_of(self.candidate[0]))

    # -- the session --------------------------------------------------------

    def connect(self, credentials):
        """A session that is let in and has both subscriptions granted."""
        settings = self.settings
        session = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=settings.client_id)
        session.tls_set(settings.ca, *credentials, tls_version=ssl.PROTOCOL_TLS_CLIENT)
        state = {}
        session.connect_timeout = WAIT_SECONDS
        topics = [f"{settings.prefix}/{settings.client_id}/{kind}" for kind in ("csr_req", "crt")]

        def on_connect(client, _userdata, _flags, reason, _properties):
            if reason.is_failure:
                state["refused"] = str(reason)
            else:
                client.subscribe([(topic, 1) for topic in topics])

        def on_subscribe(_client, _userdata, _mid, reasons, _properties):
            refused = any(reason.is_failure for reason in reasons)
            state["refused" if refused else "ready"] = "a subscription was not granted"

        def on_message(_client, _userdata, message):
            self.inbox.put((message.topic.rsplit("/", 1)[1], message.payload))

        def on_disconnect(_client, _userdata, _flags, reason, _properties):
            state.setdefault("ended", str(reason))

        session.on_connect, session.on_subscribe = on_connect, on_subscribe
        session.on_disconnect, session.on_message = on_disconnect, on_message
        session.connect(settings.host, settings.port, keepalive=30)
        session.loop_start()
        deadline = time.monotonic() + WAIT_SECONDS
        while "ready" not in state:
            if "refused" in state or "ended" in state or time.monotonic() > deadline:
                close(session)
                raise Refused(state.get("refused") or state.get("ended") or "no answer in time")
            time.sleep(0.02)
        say("connected", certificate=credentials[0])
        return session

    def publish(self, kind, payload):
        topic = f"{self.settings.prefix}/{self.settings.client_id}/{kind}"
        sent = self.session.publish(topic, json.dumps(payload), qos=1)
        deadline = time.monotonic() + WAIT_SECONDS
        while not published(sent):
            if time.monotonic() > deadline:
                raise Refused(f"the broker did not take the {kind}")
            time.sleep(0.01)
        say("sent", kind=kind, **({"error": payload["error"]} if "error" in payload else {}))


def published(sent):
    try:
        return sent.is_published()
    except RuntimeError:  # no connection now: paho keeps it, and sends it once it has reconnected
        return False


def close(session):
    session.disconnect()
    session.loop_stop()


# -- files: temp, fsync, rename, fsync of the folder --------------------------


def write_file(path, content):
    folder = folder_of(path)
    handle, temporary = tempfile.mkstemp(dir=folder)  # readable by the owner only
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)
    sync_folder(folder)


def folder_of(path):
    return os.path.dirname(os.path.abspath(path))


def sync_folder(folder):
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def promote(candidate, current):
    """Two files cannot be renamed at once: the certificate goes last, and a power cut between
    the two leaves a candidate certificate without its key, which the next start puts right."""
    os.rename(candidate[1], current[1])
    sync_folder(folder_of(current[1]))
    os.rename(candidate[0], current[0])
    sync_folder(folder_of(current[0]))


def finish_promotion(candidate, current):
    if os.path.exists(candidate[0]) and not os.path.exists(candidate[1]):
        os.rename(candidate[0], current[0])
        sync_folder(folder_of(current[0]))
        say("promotion_finished", certificate=current[0])


def public_key(key):
    return openssl("pkey", "-pubout", "-in", key)


def openssl(*words, stdin=None):
    return subprocess.run(["openssl", *words], input=stdin, capture_output=True, check=True).stdout


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


if __name__ == "__main__":
    main()
