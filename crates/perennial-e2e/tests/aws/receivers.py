"""Who gets messages: an HTTPS endpoint and a mail server, real ones, on loopback."""

import email
import email.policy
import http.server
import json
import queue
import ssl
import threading

import aiosmtpd.controller
import aiosmtpd.smtp

from waiting import PATIENCE


class Endpoint:
    """An HTTPS server that answers each path as it is told, and keeps what it gets, by path."""

    def __init__(self, certificate, key):
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                endpoint.got(self.path).put((dict(self.headers), body))
                answers = endpoint.answers.get(self.path, [])
                status, fields = answers.pop(0) if answers else (200, {})
                if status is None:
                    endpoint.let_go.wait()
                    return
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.answers, self.queues, self.let_go = {}, {}, threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path, host="localhost"):
        return f"https://{host}:{self.server.server_port}{path}"

    def got(self, path):
        return self.queues.setdefault(path, queue.Queue())

    def next(self, path):
        """What comes next at a path: header fields and body."""
        return self.got(path).get(timeout=PATIENCE)

    def next_json(self, path):
        return json.loads(self.next(path)[1])


class Mails:
    """A mail server that wants STARTTLS and then a user, and keeps what it gets."""

    def __init__(self, certificate, key, port, user, password):
        self.mails, self.refused = queue.Queue(), set()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        mails = self

        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options):
                if address in mails.refused:
                    return "550 no such mailbox"
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server, session, envelope):
                message = email.message_from_bytes(envelope.content, policy=email.policy.default)
                mails.mails.put((session.auth_data, session.ssl is not None, envelope.rcpt_tos, message))
                return "250 taken"

        def authenticate(server, session, envelope, mechanism, data):
            good = (data.login, data.password) == (user.encode(), password.encode())
            return aiosmtpd.smtp.AuthResult(success=good, handled=good, auth_data=data.login)

        class Controller(aiosmtpd.controller.Controller):
            def factory(self):
                return aiosmtpd.smtp.SMTP(self.handler, tls_context=context, require_starttls=True,
                                          authenticator=authenticate, auth_required=True)

        self.controller = Controller(Handler(), hostname="127.0.0.1", port=port)
        self.controller.start()

    def next(self):
        return self.mails.get(timeout=PATIENCE)
