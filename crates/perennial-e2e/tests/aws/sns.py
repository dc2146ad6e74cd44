"""Notice topics by boto3's `sns`, with subscribers of every protocol.

Arguments: a folder with the subscribers' certificate and key, the mail server's port and password, the
folder of node's modules, and the names of all actions there are."""

import json
import os
import re
import subprocess
import sys
import urllib.parse

import boto3
import botocore.config
import botocore.exceptions

from mqtt import Device
from receivers import Endpoint, Mails
from signed import endpoint as server, http, send, session
from waiting import until

folder, mail_port, password, node, *actions = sys.argv[1:]
config = botocore.config.Config(retries={"max_attempts": 0})
sns = boto3.client("sns", config=config)
called = set()
sns.meta.events.register("before-parse.sns", lambda operation_model, **_: called.add(operation_model.name))
web = Endpoint(f"{folder}/leaf.pem", f"{folder}/leaf.key")
mails = Mails(f"{folder}/leaf.pem", f"{folder}/leaf.key", int(mail_port), "perennial", password)

bundle = session.get_scoped_config()["ca_bundle"]
host = urllib.parse.urlsplit(server).netloc
validator = subprocess.Popen(["node", os.path.join(os.path.dirname(__file__), "validate.js"), node, host],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                             env={**os.environ, "NODE_EXTRA_CA_CERTS": bundle})


def validated(message):
    validator.stdin.write(json.dumps(message) + "\n")
    validator.stdin.flush()
    return validator.stdout.readline().strip()


def refused(action, code, status, **arguments):
    try:
        getattr(sns, action)(**arguments)
    except botocore.exceptions.ClientError as error:
        found = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert found == (code, status), (action, arguments, error)
        return error.response["Error"]["Message"]
    raise AssertionError(f"{action} {arguments} is not refused")


def invalid(action, **arguments):
    return refused(action, "InvalidParameter", 400, **arguments)


def visit(url):
    answer = http.request("GET", url)
    return answer.status, answer.data.decode()


def subscribed(topic, path, **attributes):
    """Subscribes a path of the endpoint, and confirms as SNS's subscribers do."""
    sns.subscribe(TopicArn=topic, Protocol="https", Endpoint=web.url(path), Attributes=attributes)
    status, body = visit(web.next_json(path)["SubscribeURL"])
    assert status == 200, body
    return re.search("<SubscriptionArn>(.*)</SubscriptionArn>", body)[1]


def topics():
    made = sns.create_topic(Name="alarms", Attributes={"DisplayName": "Pumps & co"}, Tags=[{"Key": "a", "Value": "1"}])
    topic = made["TopicArn"]
    assert topic == "arn:aws:sns:local-1:000000000000:alarms"
    same = sns.create_topic(Name="alarms", Attributes={"DisplayName": "Pumps & co"}, Tags=[{"Key": "a", "Value": "1"}])
    assert same["TopicArn"] == topic
    assert sns.create_topic(Name="alarms")["TopicArn"] == topic
    invalid("create_topic", Name="alarms", Attributes={"DisplayName": "Others"})
    for bad in [{"Name": ""}, {"Name": "a b"}, {"Name": "x.fifo"}, {"Name": "x", "Attributes": {"Policy": "{}"}},
                {"Name": "x", "Attributes": {"SignatureVersion": "1"}}]:
        invalid("create_topic", **bad)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="Pumps")
    shown = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert shown["DisplayName"] == "Pumps" and shown["SubscriptionsConfirmed"] == "0", shown
    refused("get_topic_attributes", "NotFound", 404, TopicArn=topic + "x")
    invalid("get_topic_attributes", TopicArn="alarms")

    sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "b", "Value": "2"}])
    sns.untag_resource(ResourceArn=topic, TagKeys=["a"])
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "b", "Value": "2"}]

    many = [sns.create_topic(Name=f"t{n:03}")["TopicArn"] for n in range(101)]
    listed = [it["TopicArn"] for page in sns.get_paginator("list_topics").paginate() for it in page["Topics"]]
    assert listed == [topic, *many], listed
    for arn in many:
        sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=many[0])
    assert [it["TopicArn"] for it in sns.list_topics()["Topics"]] == [topic]
    return topic


def over_https(topic):
    url = web.url("/hook")
    pending = sns.subscribe(TopicArn=topic, Protocol="https", Endpoint=url)
    assert pending["SubscriptionArn"] == "pending confirmation"
    fields, body = web.next("/hook")
    asked = json.loads(body)
    assert asked["Type"] == fields["x-amz-sns-message-type"] == "SubscriptionConfirmation", fields
    assert asked["TopicArn"] == topic == fields["x-amz-sns-topic-arn"] and validated(asked) == "valid", asked
    assert sns.list_subscriptions()["Subscriptions"][0]["SubscriptionArn"] == "PendingConfirmation"
    sns.publish(TopicArn=topic, Message="nobody has confirmed")

    assert visit(asked["SubscribeURL"].replace("Token=", "Token=x"))[0] == 400
    confirmed = sns.confirm_subscription(TopicArn=topic, Token=asked["Token"], AuthenticateOnUnsubscribe="true")
    arn = confirmed["SubscriptionArn"]
    assert visit(asked["SubscribeURL"])[0] == 200
    told = sns.publish(TopicArn=topic, Subject="Pump 7 & co", Message="away\nsince <today> ☃", MessageAttributes={
        "site": {"DataType": "String", "StringValue": "north"}, "n": {"DataType": "Number", "StringValue": "7"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01"}})
    fields, body = web.next("/hook")
    message = json.loads(body)
    assert fields["x-amz-sns-message-type"] == message["Type"] == "Notification", message
    assert fields["x-amz-sns-subscription-arn"] == arn and fields["x-amz-sns-message-id"] == told["MessageId"]
    assert (message["Subject"], message["Message"]) == ("Pump 7 & co", "away\nsince <today> ☃"), message
    assert message["MessageAttributes"]["raw"] == {"Type": "Binary", "Value": "AAE="}, message
    assert validated(message) == "valid"
    assert validated({**message, "Message": "forged"}) == "The message signature is invalid."

    # Confirmed by somebody who signed: only who signs ends it.
    assert visit(message["UnsubscribeURL"])[0] == 403
    shown = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (shown["PendingConfirmation"], shown["ConfirmationWasAuthenticated"]) == ("false", "true"), shown
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true")
    sns.publish(TopicArn=topic, Message="raw")
    fields, body = web.next("/hook")
    assert (fields["x-amz-sns-rawdelivery"], body) == ("true", "raw")
    sns.unsubscribe(SubscriptionArn=arn)
    refused("unsubscribe", "NotFound", 404, SubscriptionArn=arn)

    # Confirmed by a visit: a visit ends it, but only one that knows the message.
    arn = subscribed(topic, "/other")
    sns.publish(TopicArn=topic, Message=json.dumps({"default": "d", "https": "h"}), MessageStructure="json")
    message = web.next_json("/other")
    assert message["Message"] == "h"
    assert visit(message["UnsubscribeURL"].split("&Token")[0])[0] == 403
    assert visit(message["UnsubscribeURL"])[0] == 200
    refused("get_subscription_attributes", "NotFound", 404, SubscriptionArn=arn)
    counts = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (counts["SubscriptionsConfirmed"], counts["SubscriptionsDeleted"]) == ("0", "2"), counts
    assert visit(server + "/?Action=Publish&Message=x")[0] == 403
    assert visit(server + "/sns/..%2Fca.pem")[0] == visit(server + "/sns/signing-key.pem")[0] == 404


def batches(topic):
    arn = subscribed(topic, "/batch")
    entries = [{"Id": "a", "Message": "1"}, {"Id": "b", "Message": ""}, {"Id": "c", "Message": "3", "Subject": "s"}]
    done = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [it["Id"] for it in done["Successful"]] == ["a", "c"], done
    assert [(it["Id"], it["Code"], it["SenderFault"]) for it in done["Failed"]] == [("b", "InvalidParameter", True)]
    got = {it["MessageId"]: it["Message"] for it in [web.next_json("/batch") for _ in range(2)]}
    assert got == {it["MessageId"]: entry for it, entry in zip(done["Successful"], "13")}, got
    for code, bad in [("EmptyBatchRequest", []), ("TooManyEntriesInBatchRequest", [{"Id": str(n), "Message": "x"} for n in range(11)]),
                      ("BatchEntryIdsNotDistinct", [entries[0], entries[0]]),
                      ("InvalidBatchEntryId", [{"Id": "a b", "Message": "x"}]),
                      ("BatchRequestTooLong", [{"Id": str(n), "Message": "x" * 150_000} for n in range(2)])]:
        refused("publish_batch", code, 400, TopicArn=topic, PublishBatchRequestEntries=bad)
    sns.unsubscribe(SubscriptionArn=arn)


def filtered(topic):
    arns = [subscribed(topic, "/north", FilterPolicy=json.dumps({"site": ["north"], "n": [{"numeric": [">", 5]}]})),
            subscribed(topic, "/body", FilterPolicy=json.dumps({"pump": {"state": [{"prefix": "aw"}]}}),
                       FilterPolicyScope="MessageBody")]
    site = lambda name, n: {"site": {"DataType": "String", "StringValue": name}, "n": {"DataType": "Number", "StringValue": n}}
    sns.publish(TopicArn=topic, Message="south", MessageAttributes=site("south", "9"))
    sns.publish(TopicArn=topic, Message="few", MessageAttributes=site("north", "5"))
    sns.publish(TopicArn=topic, Message='{"pump": {"state": "here"}}')
    sns.publish(TopicArn=topic, Message="wanted", MessageAttributes=site("north", "6"))
    sns.publish(TopicArn=topic, Message='{"pump": {"state": "away"}}')
    assert web.next_json("/north")["Message"] == "wanted"
    assert web.next_json("/body")["Message"] == '{"pump": {"state": "away"}}'
    assert "wildcard" in invalid("set_subscription_attributes", SubscriptionArn=arns[0], AttributeName="FilterPolicy",
                                 AttributeValue='{"site": [{"wildcard": "n*"}]}')
    sns.set_subscription_attributes(SubscriptionArn=arns[0], AttributeName="FilterPolicy", AttributeValue="{}")
    assert "FilterPolicy" not in sns.get_subscription_attributes(SubscriptionArn=arns[0])["Attributes"]
    assert [it["SubscriptionArn"] for it in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]] == sorted(arns)
    for arn in arns:
        sns.unsubscribe(SubscriptionArn=arn)


def over_mail(topic):
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    login, encrypted, to, mail = mails.next()
    assert (login, encrypted, to) == (b"perennial", True, ["ops@example.com"]), (login, encrypted, to)
    assert mail["From"] == "Pumps <perennial@example.com>" and mail["Subject"] == "Subscribe to alarms?", mail
    url = re.search(r"https://\S+", mail.get_content())[0]
    assert visit(url)[0] == 200
    sns.publish(TopicArn=topic, Subject="Pump 7", Message="is away ☃")
    _, _, _, mail = mails.next()
    assert mail["Subject"] == "Pump 7" and mail.get_content().startswith("is away ☃"), mail
    assert visit(mail["List-Unsubscribe"].strip("<>"))[0] == 200

    sns.subscribe(TopicArn=topic, Protocol="email-json", Endpoint="robot@example.com")
    _, _, _, mail = mails.next()
    asked = json.loads(mail.get_content())
    assert validated(asked) == "valid" and visit(asked["SubscribeURL"])[0] == 200
    sns.publish(TopicArn=topic, Message="x" * 2000)
    _, _, _, mail = mails.next()
    message = json.loads(mail.get_content())
    assert message["Message"] == "x" * 2000 and validated(message) == "valid"
    visit(message["UnsubscribeURL"])

    mails.refused.add("gone@example.com")
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="gone@example.com")
    until(lambda: [it for it in dead() if it.get("endpoint") == "gone@example.com" and "550" in it["said"]], dead)


def over_mqtt(topic):
    everything = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    device = Device(boto3.client("iot"), "listener", everything)
    device.subscribes("plant/alarms")
    arn = sns.subscribe(TopicArn=topic, Protocol="mqtt", Endpoint="plant/alarms")["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message="hello")
    message = json.loads(device.hears()["payload"])
    assert message["Message"] == "hello" and validated(message) == "valid"
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true")
    sns.publish(TopicArn=topic, Message="hello")
    assert device.hears()["payload"] == "hello"
    sns.unsubscribe(SubscriptionArn=arn)
    device.forget()


def over_chats(topic):
    arns = [sns.subscribe(TopicArn=topic, Protocol=it, Endpoint=web.url(f"/{it}"))["SubscriptionArn"] for it in ["slack", "teams"]]
    sns.publish(TopicArn=topic, Subject="Away", Message="<!channel> pump 7")
    assert web.next_json("/slack") == {"text": "*Away*\n&lt;!channel&gt; pump 7"}
    card = web.next_json("/teams")["attachments"][0]["content"]
    assert [block["text"] for block in card["body"]] == ["Away", "<!channel> pump 7"], card
    for arn in arns:
        sns.unsubscribe(SubscriptionArn=arn)


def dead():
    return json.loads(send("GET", "/api/v1/notice-deliveries/dead?maxResults=250").data)["deliveries"]


def failing(topic):
    paths = ["/hangs", "/500", "/inside", "/404", "/good"]
    quick = json.dumps({"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 2}})
    arns = {path: subscribed(topic, path, DeliveryPolicy=quick) for path in paths}
    web.answers.update({"/hangs": [(None, {})], "/500": [(500, {})],
                        "/inside": [(307, {"location": web.url("/secret", "127.0.0.1")})] * 9, "/404": [(404, {})]})
    id = sns.publish(TopicArn=topic, Message="hello")["MessageId"]
    # Who answers has it, while another hangs.
    assert web.next_json("/good")["MessageId"] == id
    assert [web.next_json("/500")["MessageId"] for _ in range(2)] == [id, id]
    assert [web.next_json("/inside")["MessageId"] for _ in range(3)] == [id] * 3
    of_this = lambda: {it["endpoint"]: it for it in dead() if it["messageId"] == id}
    found = until(lambda: len(of_this()) == 2 and of_this(), of_this)
    assert found[web.url("/404")]["said"].startswith("404") and found[web.url("/404")]["tries"] == 1, found
    assert found[web.url("/inside")]["said"].startswith("307") and found[web.url("/inside")]["tries"] == 3, found
    assert web.got("/secret").empty()
    web.let_go.set()

    number = found[web.url("/404")]["deliveryNumber"]
    assert web.next_json("/404")["MessageId"] == id
    assert send("PUT", f"/api/v1/notice-deliveries/{number}/replay").status == 200
    assert web.next_json("/404")["MessageId"] == id
    until(lambda: web.url("/404") not in of_this(), "it stays dead")
    for arn in arns.values():
        sns.unsubscribe(SubscriptionArn=arn)


def refusals(topic):
    for protocol, endpoint in [("https", "https://169.254.169.254/latest"), ("https", "https://example.com/"),
                               ("https", "https://u:p@localhost/"), ("http", web.url("/x").replace("https", "http")),
                               ("slack", "https://10.0.0.1/")]:
        invalid("subscribe", TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    assert "to `[sns] topics`" in invalid("subscribe", TopicArn=topic, Protocol="sns",
                                        Endpoint="arn:aws:sns:eu-central-1:123456789012:fleet")
    assert 'add "example.com" to `[outbound] allow`' in \
        invalid("subscribe", TopicArn=topic, Protocol="https", Endpoint="https://example.com/")
    for protocol, endpoint in [("sms", "+1"), ("email", "a\r\nb@c"), ("mqtt", "a/#"), ("https", "localhost")]:
        invalid("subscribe", TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    for bad in [{"Message": ""}, {"Message": "x", "Subject": "a\nb"}, {"Message": "x" * (256 * 1024 + 1)},
                {"Message": "no json", "MessageStructure": "json"}, {"Message": "x", "MessageGroupId": "g"},
                {"Message": "x", "MessageAttributes": {"a": {"DataType": "Number", "StringValue": "x"}}}]:
        invalid("publish", TopicArn=topic, **bad)
    refused("publish", "NotFound", 404, TopicArn=topic + "x", Message="x")
    refused("create_platform_application", "InvalidAction", 400, Name="a", Platform="GCM", Attributes={})
    stranger = boto3.client("sns", config=config, aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="x")
    try:
        stranger.list_topics()
        raise AssertionError("a stranger lists topics")
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidClientTokenId", error
    made = json.loads(send("POST", "/api/v1/access-keys", json.dumps({"role": "read-only"}).encode()).data)
    reader = boto3.client("sns", config=config, aws_access_key_id=made["accessKeyId"],
                          aws_secret_access_key=made["secretAccessKey"])
    reader.list_topics()
    try:
        reader.publish(TopicArn=topic, Message="x")
        raise AssertionError("a reader publishes")
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "AuthorizationError", error


topic = topics()
over_https(topic)
batches(topic)
filtered(topic)
over_mail(topic)
over_mqtt(topic)
over_chats(topic)
failing(topic)
refusals(topic)
sns.delete_topic(TopicArn=topic)
assert sns.list_subscriptions()["Subscriptions"] == []
assert called >= set(actions), f"not called: {set(actions) - called}"
validator.terminate()
