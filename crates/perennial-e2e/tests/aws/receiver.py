"""A real HTTPS endpoint on loopback, whose certificate the server under test trusts."""

import http.server
import os
import queue
import ssl
import threading


class Receiver:
    """Answers every POST with `status`, and keeps what came."""

    def __init__(self):
        folder = os.environ["RECEIVER"]
        self.status, self.headers, self.heard = 200, {}, queue.Queue()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                receiver.heard.put((self.path, dict(self.headers.items()), body))
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["RECEIVER_PORT"])), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/receiver.pem", f"{folder}/receiver.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path=""):
        return f"https://127.0.0.1:{self.server.server_address[1]}{path}"

    def next(self):
        """What comes next: path, header fields, body."""
        return self.heard.get(timeout=20)
