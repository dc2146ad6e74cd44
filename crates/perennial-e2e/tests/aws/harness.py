"""boto3 against a server, with every answer held against botocore's own service model."""

import base64
import json
import re
import sys

import boto3
import botocore.config
import botocore.exceptions

# Members that an answer may leave out, since what they tell need not exist.
OPTIONAL = {
    "nextMarker", "nextToken",
    # DescribeCertificate: of another account's, of a CA of the customer's.
    "previousOwnedBy", "transferData", "caCertificateId",
    # DescribeThing and ListThings: of a thing that has none.
    "thingTypeName", "billingGroupName",
}

# Members that an answer leaves out when there is nothing to tell, by where they stand.
WHEN_THERE = {
    "DescribeAccountAuditConfiguration.auditCheckConfigurations": {"configuration"},
    "DescribeAccountAuditConfiguration": {"roleArn"},
    "DescribeAuditTask": {"scheduledAuditName"},
    "DescribeCACertificate": {"registrationConfig"},
    "DescribeCACertificate.registrationConfig": {"roleArn", "templateName"},
    "GetRetainedMessage": {"userProperties"},
    "DescribeEventConfigurations": {"creationDate", "lastModifiedDate"},
    "GetV2LoggingOptions": {"roleArn"},
    "GetV2LoggingOptions.eventConfigurations": {"logDestination"},
    "GetLoggingOptions": {"roleArn"},
    "ListV2LoggingLevels.logTargetConfigurations.logTarget": {"targetName"},
    "DescribeAuditTask.auditDetails": {"errorCode", "message"},
    "DescribeScheduledAudit": {"dayOfMonth", "dayOfWeek"},
    "ListScheduledAudits.scheduledAudits": {"dayOfMonth", "dayOfWeek"},
    "DescribeAuditSuppression": {"expirationDate"},
    "ListAuditSuppressions.suppressions": {"expirationDate"},
    "DescribeAuditMitigationActionsTask": {"endTime"},
    "DescribeAuditMitigationActionsTask.target": {
        "auditTaskId", "findingIds", "auditCheckToReasonCodeFilter"},
    "ListAuditMitigationActionsExecutions.actionsExecutions": {"errorCode", "message"},
    "DescribeThingType.thingTypeProperties": {"thingTypeDescription", "mqtt5Configuration"},
    "DescribeThingType.thingTypeMetadata": {"deprecationDate"},
    "ListThingTypes.thingTypes.thingTypeProperties": {"thingTypeDescription", "mqtt5Configuration"},
    "ListThingTypes.thingTypes.thingTypeMetadata": {"deprecationDate"},
    # Of built-in rules, which nobody made; and what a rule's author may leave out.
    "ListTopicRules.rules": {"createdAt"},
    "GetTopicRule.rule": {"createdAt", "description", "errorAction"},
    "GetTopicRule.rule.actions.republish": {"qos", "headers", "roleArn"},
    "GetTopicRule.rule.actions.http": {"confirmationUrl", "headers", "auth", "enableBatching", "batchConfig"},
    "GetTopicRule.rule.actions.http.batchConfig": {
        "maxBatchOpenMs", "maxBatchSize", "maxBatchSizeBytes", "batchAcrossTopics"},
    # Of destinations that are no URLs, and of a status that needs no reason.
    "CreateTopicRuleDestination.topicRuleDestination": {"vpcProperties", "influxDBProperties", "statusReason"},
    "GetTopicRuleDestination.topicRuleDestination": {"vpcProperties", "influxDBProperties", "statusReason"},
    "ListTopicRuleDestinations.destinationSummaries": {
        "vpcDestinationSummary", "influxDBSummary", "statusReason"},
    # Of dynamic groups.
    "DescribeThingGroup": {"indexName", "queryString", "queryVersion", "status"},
    "DescribeThingGroup.thingGroupProperties": {"thingGroupDescription", "attributePayload"},
    # No member is for things with nothing of the kind; there are no shadows and no violations.
    "SearchIndex": {"thingGroups"},
    "SearchIndex.things": {"shadow", "deviceDefender"},
    "SearchIndex.things.connectivity": {
        "timestamp", "disconnectReason", "keepAliveDuration", "cleanSession", "sessionExpiry", "clientId"},
    "GetIndexingConfiguration.thingIndexingConfiguration": {"filter"},
    # It belongs to requests.
    "DescribeThingGroup.thingGroupProperties.attributePayload": {"merge"},
    "DescribeThingGroup.thingGroupMetadata": {"parentGroupName"},
}

# Structures in which exactly one member is set.
UNIONS = {"ResourceIdentifier", "MitigationActionParams", "Action"}


def pattern(of_model):
    """The model's pattern as Python has it, which knows no `\\p`."""
    spelled = of_model.replace(r"\p{Graph}", r"\S").replace(r"\p{Z}", r"\s")
    return re.sub(r"\\p\{.\}", r"\\w", spelled)


class Client:
    """A boto3 client that remembers what was called and what came back."""

    def __init__(self, name="iot"):
        config = botocore.config.Config(retries={"max_attempts": 0})
        self.boto = boto3.client(name, config=config)
        self.called = set()
        self.faults = []
        service = self.boto.meta.service_model.service_id.hyphenize()
        self.boto.meta.events.register("before-parse." + service, self._remember)

    def _remember(self, operation_model, response_dict, **_):
        self.called.add(operation_model.name)
        if response_dict["status_code"] < 300:
            self._check(operation_model, response_dict)

    def _check(self, operation, response):
        where = operation.name
        if response["headers"].get("Content-Type") != "application/json":
            self.faults.append(f"{where}: content type {response['headers'].get('Content-Type')}")
        body = json.loads(response["body"])
        shape = operation.output_shape
        if shape is None:
            if body:
                self.faults.append(f"{where}: answers {body}, and has no output")
            return
        self._structure(where, shape, body)

    def _structure(self, where, shape, value):
        if not isinstance(value, dict):
            self.faults.append(f"{where}: {value!r} is no structure")
            return
        names = {m.serialization.get("name", n): m for n, m in shape.members.items()
                 if m.serialization.get("location") is None}
        for unknown in value.keys() - names.keys():
            self.faults.append(f"{where}.{unknown}: no such member")
        if shape.name in UNIONS:
            if len(value) != 1:
                self.faults.append(f"{where}: {value!r} has not exactly one member")
        else:
            for missing in names.keys() - value.keys() - self.may_lack(where):
                self.faults.append(f"{where}.{missing}: missing")
        for name in names.keys() & value.keys():
            self._value(f"{where}.{name}", names[name], value[name])

    def may_lack(self, where):
        return OPTIONAL | WHEN_THERE.get(where, set())

    def _value(self, where, shape, value):
        kind = shape.type_name
        if kind == "structure":
            self._structure(where, shape, value)
        elif kind == "list":
            self._all(where, value, list, lambda item: self._value(where, shape.member, item))
        elif kind == "map":
            self._all(where, value, dict, lambda key: self._value(where, shape.value, value[key]))
        elif kind == "string":
            self._text(where, shape, value)
        elif kind == "blob":
            if not isinstance(value, str) or base64.b64encode(base64.b64decode(value)).decode() != value:
                self.faults.append(f"{where}: {value!r} is no base64")
        elif not isinstance(value, {"boolean": bool, "timestamp": (int, float)}.get(kind, int)):
            self.faults.append(f"{where}: {value!r} is no {kind}")

    def _all(self, where, value, kind, check):
        if isinstance(value, kind):
            for item in value:
                check(item)
        else:
            self.faults.append(f"{where}: {value!r} is no {kind.__name__}")

    def _text(self, where, shape, value):
        limits = shape.metadata
        if not isinstance(value, str):
            self.faults.append(f"{where}: {value!r} is no string")
        elif shape.enum and value not in shape.enum:
            self.faults.append(f"{where}: {value!r} is none of {shape.enum}")
        elif not limits.get("min", 0) <= len(value) <= limits.get("max", len(value)):
            self.faults.append(f"{where}: {len(value)} characters")
        elif "pattern" in limits and not re.fullmatch(pattern(limits["pattern"]), value):
            self.faults.append(f"{where}: {value!r} does not match {limits['pattern']}")

    def __getattr__(self, name):
        return getattr(self.boto, name)

    def takes_over(self, other):
        """Counts as its own what another client called and found."""
        self.called |= other.called
        self.faults += other.faults

    def refused(self, operation, code, status, /, **arguments):
        """Expects an error, and answers it."""
        try:
            getattr(self.boto, operation)(**arguments)
        except botocore.exceptions.ClientError as error:
            response = error.response
            got = (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"])
            assert got == (code, status), f"{operation} {arguments}: {got}, not {(code, status)}: {error}"
            assert response["Error"]["Message"], f"{operation}: no message"
            assert response["ResponseMetadata"]["RequestId"], f"{operation}: no request id"
            return response
        raise AssertionError(f"{operation} {arguments}: went well, not {code}")


def finish(client, wanted=()):
    """Fails when an answer was wrong or an operation was not called."""
    missing = set(wanted) - client.called
    for fault in client.faults + [f"{name}: not called" for name in sorted(missing)]:
        print(fault, file=sys.stderr)
    if client.faults or missing:
        sys.exit(1)
    print(f"{len(client.called)} operations, every answer as the model has it")
