"""The device log: its options and levels, the audit that looks at it and the action that turns it on."""

from audits import ROLE, audit, pages
from mitigation import act, mitigated

DISABLED = "LOGGING_DISABLED_CHECK"
KINDS = ["Connection.AuthNError", "Connect", "Disconnect", "Publish-In", "Subscribe", "Unsubscribe"]


def options(iot):
    before = iot.get_v2_logging_options()
    assert (before["defaultLogLevel"], before["disableAllLogs"]) == ("ERROR", False), before
    assert "roleArn" not in before and "roleArn" not in iot.get_logging_options()

    iot.set_v2_logging_options(roleArn=ROLE, eventConfigurations=[{"eventType": "Connect", "logLevel": "INFO"}])
    iot.set_v2_logging_options(defaultLogLevel="WARN")
    after = iot.get_v2_logging_options()
    assert (after["roleArn"], after["defaultLogLevel"]) == (ROLE, "WARN"), after
    assert after["eventConfigurations"] == [{"eventType": "Connect", "logLevel": "INFO"}]
    levels = {it["eventType"]: it["logLevel"] for it in iot.get_v2_logging_options(verbose=True)["eventConfigurations"]}
    assert levels == {kind: "INFO" if kind == "Connect" else "WARN" for kind in KINDS}, levels

    iot.set_logging_options(loggingOptionsPayload={"roleArn": ROLE, "logLevel": "ERROR"})
    assert iot.get_v2_logging_options()["defaultLogLevel"] == "ERROR"
    iot.set_v2_logging_options(disableAllLogs=True)
    assert iot.get_logging_options() ["logLevel"] == "DISABLED"
    # As the SDKs do that send no false.
    iot.set_v2_logging_options(eventConfigurations=[])
    assert iot.get_logging_options()["logLevel"] == "ERROR"


def levels(iot):
    group = "loud"
    target = lambda kind, name: {"targetType": kind, "targetName": name}
    iot.refused("set_v2_logging_level", "InvalidRequestException", 400,
                logTarget=target("THING_GROUP", group), logLevel="INFO")
    iot.create_thing_group(thingGroupName=group)
    wanted = [target("CLIENT_ID", "pump-1"), target("PRINCIPAL_ID", "ab" * 32), target("SOURCE_IP", "192.0.2.7"),
              target("THING_GROUP", group)]
    for it in wanted:
        iot.set_v2_logging_level(logTarget=it, logLevel="INFO")
    listed = pages(iot, "list_v2_logging_levels", "logTargetConfigurations")
    default = {"logTarget": {"targetType": "DEFAULT"}, "logLevel": "ERROR"}
    assert listed == [{"logTarget": wanted[0], "logLevel": "INFO"}, default] + [
        {"logTarget": it, "logLevel": "INFO"} for it in wanted[1:]], listed
    only = iot.list_v2_logging_levels(targetType="SOURCE_IP")["logTargetConfigurations"]
    assert [it["logTarget"] for it in only] == [wanted[2]]

    iot.delete_thing_group(thingGroupName=group)
    for it in wanted[:3]:
        iot.delete_v2_logging_level(**it)
        iot.delete_v2_logging_level(**it)
    assert pages(iot, "list_v2_logging_levels", "logTargetConfigurations") == [default]


def mended(iot):
    """An audit finds that nothing is recorded, and the action has it recorded again."""
    iot.update_account_audit_configuration(auditCheckConfigurations={DISABLED: {"enabled": True}})
    found = lambda: pages(iot, "list_audit_findings", "findings", taskId=audit(iot, DISABLED))
    assert not found()
    iot.set_v2_logging_level(logTarget={"targetType": "DEFAULT"}, logLevel="DISABLED")
    [finding] = found()
    act(iot, "log", enableIoTLoggingParams={"roleArnForLogging": ROLE, "logLevel": "WARN"})
    assert mitigated(iot, "log", DISABLED, finding["findingId"], "log") == ("COMPLETED", None)
    assert iot.get_v2_logging_options()["defaultLogLevel"] == "WARN" and not found()


def all_of_it(iot):
    options(iot)
    levels(iot)
    mended(iot)
