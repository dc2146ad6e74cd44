"""A mail server on loopback, until its input ends. Arguments: a folder with its certificate, and how TLS
begins: tls, starttls, or never. Says its port, and then what it gets, a line of JSON each."""

import asyncio
import json
import ssl
import sys

import aiosmtpd.smtp

folder, how = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{folder}/leaf.pem", f"{folder}/leaf.key")


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == "gone@example.com":
            return "550 no such mailbox"
        if address == "full@example.com":
            return "452 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({"to": envelope.rcpt_tos, "text": envelope.content.decode()}), flush=True)
        return "250 taken as 7"


def authenticate(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"perennial", b"s3cret")
    return aiosmtpd.smtp.AuthResult(success=good, handled=good, auth_data=data.login)


def mail():
    options = {"tls_context": context, "require_starttls": True} if how == "starttls" else {}
    return aiosmtpd.smtp.SMTP(Handler(), authenticator=authenticate, auth_required=how != "never",
                              auth_require_tls=how == "starttls", **options)


async def serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(mail, "127.0.0.1", 0, ssl=context if how == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(serve())
