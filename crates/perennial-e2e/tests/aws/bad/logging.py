"""What is recorded of devices."""

from .words import body

ROLE = "arn:aws:iam::000000000000:role/logs"
level = lambda kind, **name: body(logTarget={"targetType": kind, **name}, logLevel="INFO")

ROWS = [
    (400, "InvalidRequestException", ("POST", "/v2LoggingOptions", body(defaultLogLevel="LOUD"))),
    (400, "InvalidRequestException", ("POST", "/v2LoggingOptions", body(roleArn="short"))),
    (400, "InvalidRequestException",
     ("POST", "/v2LoggingOptions", body(eventConfigurations=[{"eventType": "Rest", "logLevel": "INFO"}]))),
    (400, "InvalidRequestException",
     ("POST", "/v2LoggingOptions", body(eventConfigurations=[{"eventType": "Connect", "logLevel": "INFO"}] * 2))),
    (400, "InvalidRequestException",
     ("POST", "/v2LoggingOptions", body(eventConfigurations=[
         {"eventType": "Connect", "logLevel": "INFO", "logDestination": "there"}]))),
    (400, "InvalidRequestException", ("POST", "/loggingOptions", body(logLevel="INFO"))),
    (400, "InvalidRequestException", ("POST", "/loggingOptions", body(roleArn=ROLE, logLevel=7))),
    (400, "InvalidRequestException", ("GET", "/v2LoggingOptions?verbose=1")),
    (400, "InvalidRequestException", ("POST", "/v2LoggingLevel", b"{}")),
    (400, "InvalidRequestException", ("POST", "/v2LoggingLevel", level("DEFAULT", targetName="x"))),
    (400, "InvalidRequestException", ("POST", "/v2LoggingLevel", level("CLIENT_ID"))),
    (400, "InvalidRequestException", ("POST", "/v2LoggingLevel", level("CLIENT_ID", targetName="a/b"))),
    (400, "InvalidRequestException", ("POST", "/v2LoggingLevel", level("SOURCE_IP", targetName="192.0.2.0/24"))),
    (400, "InvalidRequestException", ("POST", "/v2LoggingLevel", level("PRINCIPAL_ID", targetName="abc"))),
    (400, "InvalidRequestException", ("POST", "/v2LoggingLevel", level("THING_GROUP", targetName="nobodies"))),
    (400, "InvalidRequestException", ("POST", "/v2LoggingLevel", level("EVENT_TYPE", targetName="Connect"))),
    (400, "InvalidRequestException", ("DELETE", "/v2LoggingLevel?targetType=DEFAULT")),
    (400, "InvalidRequestException", ("DELETE", "/v2LoggingLevel?targetType=CLIENT_ID")),
    (400, "InvalidRequestException", ("GET", "/v2LoggingLevel?targetType=ALL")),
    (400, "InvalidRequestException", ("GET", "/v2LoggingLevel?nextToken=AAAA")),
    (400, "InvalidRequestException",
     ("POST", "/mitigationactions/actions/a", body(roleArn=ROLE, actionParams={
         "enableIoTLoggingParams": {"roleArnForLogging": ROLE, "logLevel": "DISABLED"}}))),
]
