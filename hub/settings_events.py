"""Settings of what tells of events -> their groups: sockets, clocks, and units' own systems."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from hub.settings_group import Group, Positive, Seconds


class Webhook(Group):
    """A unit's own system that is told of what the unit may be told of."""

    name: str = Field(description="name of the webhook, by which its messages are kept")
    unit: str = Field(description="unit key of who is told, as `town_government:120114101`")
    purpose: str = Field(description="purpose for which it is told")
    case: str | None = Field(default=None, description="case reference, where the purpose needs one")
    url: str = Field(description="where it takes messages: https, or http on this machine")
    secret: SecretStr = Field(description="`whsec_` and base64 of at least 24 bytes, by which messages are signed")

    @field_validator("url")
    @classmethod
    def _guarded(cls, url: str) -> str:
        where = urlsplit(url)
        local = where.hostname in ("127.0.0.1", "::1", "localhost")
        if not where.hostname or (where.scheme != "https" and not (where.scheme == "http" and local)):
            raise ValueError("a webhook is told over https")
        return url


class Sending(Group):
    """How messages to webhooks are tried."""

    attempts: Positive = Field(default=12, description="attempts before a message is given up")
    first: Seconds = Field(
        default=5.0, description="seconds before the second attempt; each further one waits twice as long"
    )
    longest: Seconds = Field(default=3600.0, description="seconds between two attempts at most")
    timeout: Seconds = Field(default=10.0, description="seconds for one attempt")


class Clocks(Group):
    """How long the steps of the life cycles may take before an alarm is raised."""

    every: Seconds = Field(default=10.0, description="seconds between two looks at what waits")
    dispatch_minutes: Positive = Field(default=30, description="minutes from a report until officers are sent")
    notify_town_hours: Positive = Field(default=24, description="hours from a report until the town is notified")
    assess_days: Positive = Field(default=7, description="days from the notice to the town until the assessment")
    reply_days: Positive = Field(default=30, description="days to answer a supervision that names no day itself")
    survey_village_days: Positive = Field(
        default=5, description="working days in China after a quarter's end in which a village submits its survey"
    )
    survey_town_days: Positive = Field(
        default=10, description="working days in China after a quarter's end in which a town summarises"
    )
    survey_district_days: Positive = Field(
        default=15, description="working days in China after a quarter's end in which the district accepts"
    )
    truancy_run: Positive = Field(
        default=3, description="unexcused days running from which a child is truant: an alarm, a risk flag, a dropout"
    )
    truancy_days: Positive = Field(
        default=10,
        description="unexcused days in a term from which a child is truant: an alarm, a risk flag, a dropout",
    )
    keep_days: Positive = Field(default=30, description="days for which a subscriber may resume from a cursor")


class Sockets(Group):
    """WebSockets, over which subscriptions run."""

    init: Seconds = Field(default=5.0, description="seconds for a client to say who it is, from its connection")
    of_principal: Positive = Field(default=500, description="sockets of one principal at once, on each replica")
    subscriptions: Positive = Field(default=20, description="operations under way on one socket")
    patience: Seconds = Field(default=10.0, description="seconds for a client to take what is sent, before it is cut")
    away: Seconds = Field(
        default=30.0, description="seconds that a subscription waits for a department or the log that does not answer"
    )
