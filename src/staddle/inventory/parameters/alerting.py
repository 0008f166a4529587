"""Structured values of alert routing: receivers, routes, times of day, and tests of all that."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from staddle.alerting.matching import parse_matcher
from staddle.inventory.parameters.declare import Param, Record
from staddle.inventory.parameters.values import Duration, Endpoint, Kind, Word, refuse

ReceiverType = Literal[
    "webhook", "email", "slack", "pagerduty", "opsgenie", "telegram", "msteams", "dingtalk", "feishu", "wecom", "ntfy"
]


def _http_secret(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("http://", "https://")):
        raise refuse("a URL that starts with http:// or https://", "is not a URL")
    return value


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _label(value: str) -> str:
    if not value.replace("_", "a").isalnum() or value[0].isdigit() or not value.isascii():
        raise refuse("letters, digits and _, as in severity", "is not the name of a label")
    return value


def _matcher(value: str) -> str:
    try:
        parse_matcher(value)
    except ValueError as error:
        raise refuse('as Alertmanager has them: cls="pg-test", ins=~"pg-.*", severity!="INFO"', str(error)) from None
    return value


def _mail(value: str) -> str:
    name, at, host = value.rpartition("@")
    if not (name and at and host) or any(c.isspace() or c in ",;" for c in value):
        raise refuse("as in dba@example.org", "is not a mail address")
    return value


def _amount(value: object) -> object:
    # Which units it may have is the rule's to say (checks/alerting.py).
    if isinstance(value, bool):
        raise refuse("a number, with its unit if it has one", "is not a number")
    return str(value) if isinstance(value, int | float) else value


SecretUrl = Annotated[SecretStr, AfterValidator(_http_secret)]
Mail = Annotated[str, AfterValidator(_mail)]
LabelName = Annotated[str, AfterValidator(_label)]
Matcher = Annotated[str, AfterValidator(_matcher)]
Texts = Annotated[list[str], BeforeValidator(_one_or_more)]
Mails = Annotated[list[Mail], BeforeValidator(_one_or_more)]
Words = Annotated[list[Word], BeforeValidator(_one_or_more)]


class AlertReceiver(Record):
    """Where alerts are sent. Which fields it takes depends on its type; docs/alerts.md has an example of each."""

    type: Annotated[ReceiverType, Param("Kind of receiver.")] = "webhook"
    send_resolved: Annotated[bool, Param("Also tell when an alert is over.")] = True
    url: Annotated[SecretUrl | None, Param("Where it is sent, or another address of the service's API.")] = None
    token: Annotated[SecretStr | None, Param("What the service knows us by: routing key, API key, bot token.")] = None
    secret: Annotated[SecretStr | None, Param("Key that messages are signed with (dingtalk, feishu).")] = None
    channel: Annotated[str | None, Param("Channel, if not that of the URL (slack).")] = None
    chat_id: Annotated[int | None, Param("Chat (telegram).")] = None
    to: Annotated[Mails, Param("Whom to write to (email).")] = Field(default_factory=list)
    sender: Annotated[Mail | None, Param("Who writes (email).")] = None
    smarthost: Annotated[Endpoint | None, Param("host:port of the mail server (email).")] = None
    username: Annotated[str | None, Param("User at the mail server (email).")] = None
    password: Annotated[SecretStr | None, Param("Password at the mail server (email).")] = None
    require_tls: Annotated[bool, Param("Refuse to send without encryption (email).")] = True


class AlertSetting(Record):
    """What is different about an alert here. `staddle rules ls` shows the alerts and what they compare with."""

    threshold: Annotated[
        Annotated[str, BeforeValidator(_amount), Kind("number, or size, or duration")] | None,
        Param("What the alert compares with, in the unit of its rule: 0.9 or 90%, 14d, 10GiB."),
    ] = None
    wait: Annotated[Duration | None, Param("How long it has to be true before anybody is told.")] = Field(
        default=None, alias="for"
    )
    severity: Annotated[Literal["CRIT", "WARN", "INFO"] | None, Param("How bad it is.")] = None
    enabled: Annotated[bool, Param("Whether the alert is there at all.")] = True


class AlertRoute(Record):
    """Who is told about which alerts. The first route that fits decides, unless it says `continue`."""

    match: Annotated[
        dict[LabelName, Texts], Param("Labels an alert must have; of a list, any one. All of them, for a fit.")
    ] = Field(default_factory=dict)
    matchers: Annotated[list[Matcher], Param("The same in Alertmanager's notation, for patterns and negations.")] = (
        Field(default_factory=list)
    )
    receivers: Annotated[Words, Param("Names from `alert_receivers`; none: nobody is told.")] = Field(
        default_factory=list
    )
    go_on: Annotated[bool, Param("Look at the following routes, too.")] = False
    mute: Annotated[Words, Param("Names from `alert_intervals` during which nobody is told.")] = Field(
        default_factory=list
    )
    active: Annotated[Words, Param("Names from `alert_intervals`: nobody is told at other times.")] = Field(
        default_factory=list
    )
    group_by: Annotated[list[LabelName] | None, Param("Alerts that share these make one message.")] = None
    group_wait: Annotated[Duration | None, Param("How long a first message waits for more.")] = None
    group_interval: Annotated[Duration | None, Param("How long before news about a group are sent.")] = None
    repeat_interval: Annotated[Duration | None, Param("How long until what still fires is told again.")] = None


class AlertInterval(Record):
    """Times, as Alertmanager has them. What is left out doesn't matter."""

    times: Annotated[list[str], Param("As in 09:00-17:00; not over midnight.")] = Field(default_factory=list)
    weekdays: Annotated[list[str], Param("As in monday:friday.")] = Field(default_factory=list)
    days_of_month: Annotated[list[str], Param("As in 1:5, or -1 for the last.")] = Field(default_factory=list)
    months: Annotated[list[str], Param("As in january:march.")] = Field(default_factory=list)
    years: Annotated[list[str], Param("As in 2027:2028.")] = Field(default_factory=list)
    location: Annotated[str, Param("Time zone.")] = "UTC"


class AlertRouteTest(Record):
    """An alert and who must be told about it; looked at whenever the inventory is checked."""

    labels: Annotated[dict[LabelName, str], Param("The labels of an alert.")]
    receivers: Annotated[Words, Param("Who is told, in any order.")] = Field(default_factory=list)
