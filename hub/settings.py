"""``hub.toml`` and ``HUB_*`` -> Settings: one frozen object, read once; a wrong setting stops the start with its name.

The environment wins over the file, the file over the defaults. A nested setting is named with two underscores in the
environment (``HUB_LIMITS__DEPTH=12``) and as a table in the file (``[limits]`` ``depth = 12``). ``docs/settings.md`` is
written from the descriptions here (`hub/settings_page.py`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from hub.settings_events import Clocks, Sending, Sockets, Webhook
from hub.settings_group import Group, Positive, Seconds

SOURCES = ("civil_affairs", "education", "public_security", "courts", "procuratorate", "hub")
"""The databases that answer queries, in the order in which they are always named."""


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message names it, the way to set it, and never repeats its value."""


class Databases(Group):
    """DSNs (``postgresql://...``); without one the department is not adopted and answers SOURCE_UNAVAILABLE."""

    civil_affairs: SecretStr | None = Field(
        default=None, description="read role in the civil affairs bureau's database"
    )
    education: SecretStr | None = Field(default=None, description="read role in the education bureau's database")
    public_security: SecretStr | None = Field(default=None, description="read role in the police database")
    courts: SecretStr | None = Field(default=None, description="read role in the court's database")
    procuratorate: SecretStr | None = Field(default=None, description="read role in the procuratorate's database")
    hub: SecretStr | None = Field(
        default=None, description="read role in the hub's own database: links, reconciliation, log"
    )
    log: SecretStr | None = Field(default=None, description="role in the hub's own database that writes the access log")
    reconcile: SecretStr | None = Field(
        default=None,
        description="role that owns links and items in the hub's own database, for comparisons by command and by step",
    )

    def dsn(self, name: str) -> str | None:
        """The DSN of a source or of ``log`` in clear; nothing that it returns may be printed."""
        secret: SecretStr | None = getattr(self, name)
        return None if secret is None else secret.get_secret_value()


class Writes(Group):
    """DSNs of the roles that write what life cycles record; a department without one takes no steps."""

    civil_affairs: SecretStr | None = Field(
        default=None, description="write role in the civil affairs bureau's database"
    )
    education: SecretStr | None = Field(default=None, description="write role in the education bureau's database")
    public_security: SecretStr | None = Field(default=None, description="write role in the police database")
    courts: SecretStr | None = Field(default=None, description="write role in the court's database")
    procuratorate: SecretStr | None = Field(default=None, description="write role in the procuratorate's database")
    hub: SecretStr | None = Field(
        default=None,
        description="write role in the hub's own database: decisions on links and discrepancies, census figures",
    )

    def dsn(self, name: str) -> str | None:
        """The DSN of a department in clear; nothing that it returns may be printed."""
        secret: SecretStr | None = getattr(self, name)
        return None if secret is None else secret.get_secret_value()


class Deadlines(Group):
    """How long something may take, in seconds."""

    source: Seconds = Field(
        default=2.0, description="one statement in a department's database, waiting for it included"
    )
    write: Seconds = Field(default=2.0, description="one write in a department's database, waiting for it included")
    count: Seconds = Field(
        default=60.0, description="a count that goes through very many rows of other departments, page by page"
    )
    settle: Seconds = Field(
        default=60.0,
        description="age of a write without an outcome at which its department is asked, and time between two rounds",
    )
    log: Seconds = Field(default=1.0, description="the entry of a request, from asking to durable")
    start: Seconds = Field(default=60.0, description="the log's database, waited for when the hub starts")
    body: Seconds = Field(default=5.0, description="the whole body of a request, from its headers to its last byte")
    reading: Seconds = Field(default=5.0, description="one statement that reads the access log, for auditors")
    ready: Seconds = Field(default=1.0, description="each part that `/readyz` asks")


class Pools(Group):
    """Connections held open."""

    source: Positive = Field(
        default=8,
        description="connections to each department's database; for pages of divisions, long lists and counts of files"
        " half as many",
    )
    write: Positive = Field(default=4, description="connections to each department's database that write")
    log: Positive = Field(default=4, description="connections that read the access log, for auditors")


class Limits(Group):
    """What one request, or one principal, may ask for; a refusal names the limit."""

    tokens: Positive = Field(default=2000, description="tokens (and, counted apart, comments) in a document")
    depth: Positive = Field(default=10, description="nested fields, `edges` and `node` not counted")
    introspection_depth: Positive = Field(default=20, description="nested fields below `__schema` and `__type`")
    aliases: Positive = Field(default=30, description="aliased fields once fragments are expanded")
    directives: Positive = Field(default=50, description="directives once fragments are expanded")
    roots: Positive = Field(default=30, description="root fields of the operation once fragments are expanded")
    fields: Positive = Field(default=1000, description="fields once fragments are expanded")
    repeats: Positive = Field(
        default=60,
        description="fields selected again under a name that its selection set has already, fragments expanded",
    )
    fragments: Positive = Field(default=60, description="fragments in a document")
    operations: Positive = Field(default=20, description="operations in a document, of which one is executed")
    page_size: Positive = Field(default=100, description="rows in a page (`first`)")
    cost: Positive = Field(default=50_000, description="rows x fields that the plan could bring at most")
    body_bytes: Positive = Field(default=262_144, description="bytes in the body of a request")
    concurrency: Positive = Field(default=64, description="requests of one principal under way at once")
    documents: Positive = Field(default=1000, description="documents remembered after parsing and validation")
    unauthenticated: Positive = Field(
        default=50, description="refusals without a credential that are logged each second"
    )


class Credentials(Group):
    """Which tokens are accepted."""

    issuer: str = Field(default="https://hub.wuqing.invalid/dev", description="`iss` of the tokens")
    audience: str = Field(default="wuqing-hub", description="`aud` of the tokens")
    jwks: str | None = Field(default=None, description="JWKS file or https URL; without it `<keys>/jwks.json`")
    jwks_seconds: Positive = Field(default=300, description="seconds after which the JWKS is read again")
    lifetime: Positive = Field(default=900, description="longest lifetime of a token (`exp` - `iat`) in seconds")
    leeway: int = Field(default=30, ge=0, le=300, description="seconds by which clocks may differ")
    remembered: Positive = Field(default=10_000, description="verified tokens remembered (by digest) until they expire")
    revoked: Path | None = Field(
        default=None, description="file of revoked token ids (`jti`), one a line, read when it changes"
    )


class Witness(Group):
    """Who cosigns the heads of the log."""

    name: str = Field(description="name of the witness's key")
    url: str = Field(description="where it answers `add-checkpoint`, without that word")
    key: str = Field(description="its verifier key, as `hub witness` prints it")
    reader: SecretStr | None = Field(default=None, description="token by which it may read heads and hash tiles")


class Audit(Group):
    """How the access log is watched."""

    unwitnessed_alarm: Seconds = Field(
        default=300, description="seconds without a new cosignature after which the hub raises an alarm"
    )
    unwitnessed_limit: Seconds = Field(
        default=900,
        description="seconds without a new cosignature after which nothing is released, where witnesses are named",
    )
    witness_period: Seconds = Field(default=10, description="seconds between two requests to the same witness")
    verify_every: Positive = Field(default=86_400, description="seconds between two full verifications of the log")
    floor_months: Positive = Field(default=36, description="months that the log is kept before one may be retired")


class Unusual(Group):
    """From what on a use of the data is shown to auditors as unusual."""

    bulk_subjects: Positive = Field(default=500, description="records of one operator within an hour")
    night_from: int = Field(default=22, ge=0, le=23, description="hour at which the night begins")
    night_until: int = Field(default=6, ge=0, le=23, description="hour at which the night ends")
    night_entries: Positive = Field(default=5, description="reads of one operator in a night, or on a day off")
    caseless_children: Positive = Field(default=30, description="children looked up one by one in a day without a case")
    refusals: Positive = Field(default=20, description="refusals of one operator within `refusal_minutes`")
    refusal_minutes: Positive = Field(default=10, description="minutes in which refusals are counted together")
    same_child: Positive = Field(default=15, description="reads of one child by one operator")
    undispatched_minutes: Positive = Field(default=30, description="minutes after a report in which nobody was sent")


class Settings(BaseSettings):
    """Everything that can be set; frozen."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="HUB_",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
        hide_input_in_errors=True,
    )

    databases: Databases = Field(default=Databases(), description="DSNs")
    writes: Writes = Field(default=Writes(), description="DSNs of write roles")
    deadlines: Deadlines = Field(default=Deadlines(), description="seconds")
    pools: Pools = Field(default=Pools(), description="connections")
    limits: Limits = Field(default=Limits(), description="limits")
    webhooks: tuple[Webhook, ...] = Field(
        default=(),
        description="units' own systems that are told of events, each a table `[[webhooks]]` with `name`, `unit`, "
        "`purpose`, `case`, `url`, `secret`",
    )
    sending: Sending = Field(default=Sending(), description="messages to webhooks")
    clocks: Clocks = Field(default=Clocks(), description="clocks and alarms")
    sockets: Sockets = Field(default=Sockets(), description="WebSockets")
    credentials: Credentials = Field(default=Credentials(), description="tokens")
    audit: Audit = Field(default=Audit(), description="access log")
    unusual: Unusual = Field(default=Unusual(), description="unusual uses")
    witnesses: tuple[Witness, ...] = Field(
        default=(), description="witnesses of the log, each a table `[[witnesses]]` with `name`, `url`, `key`, `reader`"
    )
    keys: Path = Field(default=Path("data/keys"), description="folder of the hub's private keys, mode 0700")
    policies: Path | None = Field(default=None, description="policy folder; without it the one that comes with the hub")
    case_pattern: str = Field(
        default=r"[0-9A-Za-z〔〕（）\(\)\-_\/.一-鿿]{4,64}",
        description="pattern that a whole `Hub-Case` reference must match",
    )
    duty_phone: str = Field(
        default="110", description="telephone number named where a child in danger is to be reported"
    )
    invented: bool = Field(default=False, description="whether every row is invented, as in the demo: pages say so")
    hold_reports: bool = Field(
        default=False,
        description="whether a report is held, sealed, in the hub's database while the police database does not answer",
    )
    parks: Mapping[str, str] = Field(
        default={},
        description="industrial park -> town to which its reports go, a table `[parks]` of codes of nine digits",
    )
    timezone: str = Field(default="Asia/Shanghai", description="time zone of days, quarters and clocks")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="processes that answer on the port; each has connections and limits of its own",
    )
    ide: bool = Field(default=True, description="whether `/ide` is served")
    metrics: bool = Field(default=False, description="whether `/metrics` is served")
    origin: str = Field(default="wuqing-hub.invalid/log", description="name (C2SP origin) of the access log")
    fsync_required: bool = Field(default=True, description="whether the log refuses a server that runs without fsync")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("no such time zone, try `Asia/Shanghai`") from None
        return name

    @field_validator("parks")
    @classmethod
    def _park_to_town(cls, parks: Mapping[str, str]) -> Mapping[str, str]:
        for park, town in parks.items():
            if not re.fullmatch(r"1201144[0-9]{2}", park) or not re.fullmatch(r"120114[0-35-9][0-9]{2}", town):
                raise ValueError("must name a park (`1201144..`) and a town (`120114...`), each by nine digits")
        return dict(parks)

    @field_validator("case_pattern")
    @classmethod
    def _bounded_pattern(cls, pattern: str) -> str:
        try:
            compiled = re.compile(pattern)
        except re.error:
            raise ValueError("no regular expression") from None
        if compiled.fullmatch("") or compiled.fullmatch("A" * 257) or compiled.fullmatch("1" * 257):
            raise ValueError("must be bounded: not empty, at most 256 characters")
        return pattern

    @property
    def jwks(self) -> str:
        """Where the keys that verify tokens are: a path or an https URL."""
        return self.credentials.jwks or str(self.keys / "jwks.json")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file that ``load`` names; no ``.env``."""
        return (init_settings, env_settings)


FOUND = (Path("hub.toml"), Path("data/hub.toml"))
"""Where settings are looked for when no file is named; the second is what `hub demo` writes."""


def load(file: Path | None = None, **changes: Any) -> Settings:
    """Settings from a file, the environment and ``changes``.

    The file is ``file``, or the one that ``HUB_CONFIG`` names, or the first of ``FOUND`` that is there. Raises
    ``ConfigurationError`` with every wrong setting, one a line.
    """
    named = file or (Path(os.environ["HUB_CONFIG"]) if "HUB_CONFIG" in os.environ else None)
    if named is not None and not named.is_file():
        raise ConfigurationError(f"settings file `{named}` is {'no file' if named.exists() else 'not there'}")
    path = named or next((found for found in FOUND if found.is_file()), FOUND[0])
    try:
        return _with_file(path)(**changes)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_complaints(error))) from None
    except ValueError as error:
        raise ConfigurationError(f"settings in `{path}` or the environment cannot be read: {error}") from None
    except OSError as error:
        raise ConfigurationError(f"settings file `{path}` cannot be read: {error.strerror}") from None


def _with_file(path: Path) -> type[Settings]:
    _refuse_strays(os.environ)

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *args: Any, **named: Any
        ) -> tuple[Any, ...]:
            sources = Settings.settings_customise_sources(settings_cls, *args, **named)
            return (*sources, TomlConfigSettingsSource(settings_cls, path))

    return FromFile


def _refuse_strays(environment: Mapping[str, str]) -> None:
    """A misspelt ``HUB_*`` would silently leave a limit at its default."""
    known = {name.upper() for name, *_ in settings_table()}
    groups = {name.split("__")[0] for name in known}
    strays = [
        name
        for name in environment
        if name.upper().startswith("HUB_")
        and name.upper() not in known | groups | {"HUB_CONFIG"}
        and not name.upper().startswith(NOT_SETTINGS)
    ]
    if strays:
        raise ConfigurationError("\n".join(f"`{name}` is no setting, see docs/settings.md" for name in sorted(strays)))


NOT_SETTINGS = ("HUB_BLESS", "HUB_TEST_", "HUB_TOKEN", "HUB_URL")
"""Names with the prefix that other commands read: tests, and `hub query`."""


_WANTED = {
    "bool_parsing": "`true` or `false` is wanted",
    "extra_forbidden": "there is no such setting, see docs/settings.md",
    "float_parsing": "a number is wanted",
    "int_parsing": "a whole number is wanted",
    "model_type": "a table of settings is wanted",
}
"""Kind of mistake -> words for it, where the library's are those of a programmer."""


def _complaints(error: ValidationError) -> Iterator[str]:
    for item in error.errors(include_input=False, include_url=False, include_context=False):
        place = [str(part) for part in item["loc"]]
        message = _WANTED.get(item["type"]) or item["msg"].removeprefix("Value error, ")
        name = "HUB_" + "__".join(place).upper()
        yield f"setting `{'.'.join(place)}` (`{name}`): {message[:1].lower()}{message[1:].rstrip('.')}"


def settings_table() -> Iterator[tuple[str, str, str, str]]:
    """Each setting as (environment name, name in the file, default, description)."""
    for name, field in Settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, Group):
            for inner, part in group.model_fields.items():
                yield f"HUB_{name}__{inner}".upper(), f"{name}.{inner}", _shown(part.default), part.description or ""
        else:
            yield f"HUB_{name}".upper(), name, _shown(field.default), field.description or ""


def _shown(value: object) -> str:
    return "" if value in (None, (), {}) else str(value).lower() if isinstance(value, bool) else str(value)
