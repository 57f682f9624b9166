"""Identities: which credentials count, and in which words the others are refused."""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from hub.credential import Credential, RevokedFile, Verifier, bearer
from hub.errors import OutageError, RefusalError
from hub.identity import Declaration, Identity, declare, declared
from hub.keys import KeysError, KeySet, load, read_keys
from hub.tokens import JWKS_FILE, KEY_FILE, Issuer, open_issuer

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://issuer.invalid", "hub"
PATTERN = r"[0-9A-Za-z（）民初号津]{4,32}"


@dataclass(frozen=True)
class Words:
    """A small policy."""

    units: Container[str] = frozenset(
        {"education_bureau", "town_government", "village_committee", "mandatory_reporter"}
    )
    purposes: Mapping[str, Any] = field(
        default_factory=lambda: dict.fromkeys(("dropout_control", "legal_aid", "audit"))
    )
    institutions: Container[str] = frozenset({"2112000001"})
    divisions: Container[str] = frozenset({"120114101", "120114101201", "120114400", "120114400498"})

    def case_required(self, purpose: str) -> bool:
        return purpose == "legal_aid"


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return open_issuer(tmp_path, issuer=ISSUER, audience=AUDIENCE)


@pytest.fixture
def verifier(tmp_path: Path, issuer: Issuer, clock: Clock) -> Verifier:
    return Verifier(
        keys=KeySet(place=str(tmp_path / JWKS_FILE), seconds=300, clock=clock),
        issuer=ISSUER,
        audience=AUDIENCE,
        lifetime=900,
        leeway=30,
        clock=clock,
    )


def claims(**changes: Any) -> dict[str, Any]:
    found = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "client",
        "unit": "education_bureau",
        "operator": "no-17",
        "purposes": ["dropout_control"],
        "iat": NOW,
        "exp": NOW + 600,
        "jti": "t1",
    }
    return {name: value for name, value in {**found, **changes}.items() if value is not None}


def signed(issuer: Issuer, content: Mapping[str, Any], **header: Any) -> str:
    """A token with any header; registered names only, as the library insists."""
    fields = {"alg": "ES256", "typ": "at+jwt", "kid": issuer.key.kid, **header}
    return jwt.encode({k: v for k, v in fields.items() if v is not None}, dict(content), issuer.key, default_type=None)


async def refusal(verifier: Verifier, token: str, **named: Any) -> str:
    with pytest.raises(RefusalError) as caught:
        await verifier.verify(token, **named)
    assert caught.value.code == "UNAUTHENTICATED"
    assert caught.value.message[0].islower()
    return caught.value.message


async def test_a_good_token_becomes_a_credential(verifier: Verifier, issuer: Issuer) -> None:
    token = issuer.issue(
        "town_government", ["dropout_control"], operator="no-1", now=NOW, seconds=60, division="120114101"
    )
    credential = await verifier.verify(token)
    assert (credential.key, credential.operator, credential.client) == ("town_government:120114101", "no-1", "hub-cli")
    assert credential.expires_at == NOW + 60


async def test_a_verified_token_is_not_verified_again_until_it_expires(
    verifier: Verifier, issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = signed(issuer, claims())
    first = await verifier.verify(token)

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("verified twice")

    monkeypatch.setattr(jws, "deserialize_compact", fail)
    assert await verifier.verify(token) is first
    clock.now = NOW + 630
    assert "expired at 2027-01-15T08:10:00Z" in await refusal(verifier, token)
    assert not verifier._credentials


async def test_no_more_tokens_are_remembered_than_settings_say(verifier: Verifier, issuer: Issuer) -> None:
    verifier.remembered = 2
    for number in range(5):
        await verifier.verify(signed(issuer, claims(jti=f"t{number}")))
    assert len(verifier._credentials) == 2


async def test_a_revoked_token_is_refused_though_it_is_remembered(
    verifier: Verifier, issuer: Issuer, tmp_path: Path
) -> None:
    path = tmp_path / "revoked"
    verifier.revoked = RevokedFile(path)
    token = signed(issuer, claims())
    await verifier.verify(token)
    path.write_text("t0\nt1\n")
    assert "revoked" in await refusal(verifier, token)
    path.unlink()
    assert "revoked" in await refusal(verifier, token)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"iss": "https://other.invalid"}, f"`iss` must be `{ISSUER}`"),
        ({"aud": "other"}, "`aud` must be `hub`"),
        ({"aud": ["other"]}, "`aud` must be `hub`"),
        ({"aud": None}, "`aud` must be `hub`"),
        ({"exp": NOW - 31}, "expired"),
        ({"exp": None}, "`exp`"),
        ({"exp": True}, "`exp`"),
        ({"exp": "soon"}, "`exp`"),
        ({"iat": None}, "`iat`"),
        ({"iat": NOW + 31, "exp": NOW + 99}, "in the future"),
        ({"nbf": NOW + 31}, "`nbf`"),
        ({"exp": NOW + 901}, "at most 900 s"),
        ({"jti": None}, "`jti`"),
        ({"sub": ""}, "`sub`"),
        ({"unit": 7}, "`unit`"),
        ({"operator": None}, "`operator`"),
        ({"operator": "张三"}, "`operator`"),
        ({"purposes": None}, "`purposes`"),
        ({"purposes": "dropout_control"}, "`purposes`"),
        ({"purposes": []}, "`purposes`"),
        ({"division": 120114101}, "`division`"),
        ({"cnf": {"jkt": "x"}}, "`cnf` must hold `x5t#S256`"),
        ({"cnf": {"x5t#S256": "short"}}, "`cnf` must hold `x5t#S256`"),
    ],
)
async def test_a_token_with_a_wrong_claim_is_told_which(
    verifier: Verifier, issuer: Issuer, changes: dict[str, Any], words: str
) -> None:
    assert words in await refusal(verifier, signed(issuer, claims(**changes)))


async def test_clocks_may_differ_by_the_leeway(verifier: Verifier, issuer: Issuer) -> None:
    await verifier.verify(signed(issuer, claims(iat=NOW + 30, exp=NOW + 60)))
    await verifier.verify(signed(issuer, claims(jti="t2", iat=NOW - 100, exp=NOW - 29)))


async def test_one_audience_of_several_is_enough(verifier: Verifier, issuer: Issuer) -> None:
    await verifier.verify(signed(issuer, claims(aud=["other", AUDIENCE])))


async def test_an_altered_token_has_a_wrong_signature(verifier: Verifier, issuer: Issuer) -> None:
    head, body, signature = signed(issuer, claims()).split(".")
    padded = base64.urlsafe_b64decode(body + "==")
    forged = base64.urlsafe_b64encode(padded.replace(b"education_bureau", b"public_security_bureau"[:16])).rstrip(b"=")
    assert "signature" in await refusal(verifier, f"{head}.{forged.decode()}.{signature}")


async def test_a_key_of_someone_else_is_not_taken_for_ours(verifier: Verifier, issuer: Issuer) -> None:
    other = Issuer(
        key=ECKey.generate_key("P-256", {"kid": str(issuer.key.kid)}, private=True), issuer=ISSUER, audience=AUDIENCE
    )
    assert "signature" in await refusal(verifier, signed(other, claims()))
    stranger = Issuer(key=ECKey.generate_key("P-256", {"kid": "x"}, private=True), issuer=ISSUER, audience=AUDIENCE)
    assert "key that this hub does not know" in await refusal(verifier, signed(stranger, claims()))


async def test_the_public_key_is_no_secret_of_a_symmetric_signature(verifier: Verifier, issuer: Issuer) -> None:
    secret = OctKey.import_key(json.dumps(issuer.key.as_dict(private=False)))
    header = {"alg": "HS256", "typ": "at+jwt", "kid": issuer.key.kid}
    token = jwt.encode(header, claims(), secret, algorithms=["HS256"], default_type=None)
    assert "must be signed with ES256" in await refusal(verifier, token)


async def test_an_unsigned_token_is_refused(verifier: Verifier, issuer: Issuer) -> None:
    def part(value: Mapping[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    header = {"alg": "none", "typ": "at+jwt", "kid": issuer.key.kid}
    assert "must be signed with ES256" in await refusal(verifier, f"{part(header)}.{part(claims())}.")


async def test_only_access_tokens_count(verifier: Verifier, issuer: Issuer) -> None:
    for kind in ("JWT", "id+jwt", None):
        assert "`at+jwt`" in await refusal(verifier, signed(issuer, claims(), typ=kind))
    await verifier.verify(signed(issuer, claims(), typ="application/at+jwt"))


async def test_a_token_must_name_its_key_and_bring_none(verifier: Verifier, issuer: Issuer) -> None:
    assert "`kid`" in await refusal(verifier, signed(issuer, claims(), kid=None))
    token = signed(issuer, claims(), jku="https://evil.invalid/jwks")
    assert "brings its own key" in await refusal(verifier, token)


async def test_a_bound_token_needs_its_certificate(verifier: Verifier, issuer: Issuer) -> None:
    thumbprint = "A" * 43
    token = signed(issuer, claims(cnf={"x5t#S256": thumbprint}))
    assert "client certificate" in await refusal(verifier, token)
    assert "client certificate" in await refusal(verifier, token, certificate="B" * 43)
    assert (await verifier.verify(token, certificate=thumbprint)).certificate == thumbprint


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "send `Authorization: Bearer <token>`"),
        ("Basic abc", "must be `Authorization: Bearer <token>`"),
        ("Bearer ", "must be `Authorization: Bearer <token>`"),
        ("Bearer a.b", "no signed JWT"),
        ("Bearer " + "a.b." + "c" * 9000, "no signed JWT"),
        ("Bearer ä.b.c", "no signed JWT"),
    ],
)
def test_a_header_that_is_no_bearer_token_is_told_what_would_be(value: str | None, words: str) -> None:
    with pytest.raises(RefusalError) as caught:
        bearer({} if value is None else {"Authorization": value})
    assert (caught.value.code, words in caught.value.message) == ("UNAUTHENTICATED", True)


async def test_what_looks_like_a_token_and_is_none_is_refused(verifier: Verifier) -> None:
    for token in ("a.b.c", "..", "e30.e30.e30", "W10.e30.e30"):
        await refusal(verifier, token)


def credential(**changes: Any) -> Credential:
    found: dict[str, Any] = {
        "token_id": "t",
        "client": "c",
        "unit": "education_bureau",
        "operator": "o",
        "division": None,
        "institution": None,
        "purposes": ("dropout_control", "legal_aid"),
        "expires_at": NOW + 600,
    }
    return Credential(**{**found, **changes})


def declaring(purpose: str | None = "dropout_control", case: str | None = None, **changes: Any) -> Identity:
    return declare(credential(**changes), Declaration(purpose=purpose, case=case), Words(), PATTERN)


def code_and_words(purpose: str | None = "dropout_control", case: str | None = None, **changes: Any) -> tuple[str, str]:
    with pytest.raises(RefusalError) as caught:
        declaring(purpose, case, **changes)
    return caught.value.code, caught.value.message


def test_the_unit_key_names_the_division_or_the_institution() -> None:
    assert declaring().key == "education_bureau"
    assert declaring(unit="town_government", division="120114101").key == "town_government:120114101"
    assert declaring(unit="village_committee", division="120114101201").key == "village_committee:120114101201"
    assert declaring(unit="mandatory_reporter", institution="2112000001").key == "mandatory_reporter:2112000001"


@pytest.mark.parametrize(
    "changes",
    [
        {"unit": "fire_brigade"},
        {"unit": "town_government"},
        {"unit": "town_government", "division": "120114101201"},
        {"unit": "town_government", "division": "120114999"},
        {"unit": "town_government", "division": "120114400"},
        {"unit": "village_committee", "division": "120114101"},
        {"unit": "village_committee", "division": "120114400498"},
        {"unit": "education_bureau", "division": "120114101"},
        {"unit": "education_bureau", "institution": "2112000001"},
        {"unit": "town_government", "division": "120114101", "institution": "2112000001"},
        {"unit": "mandatory_reporter"},
        {"unit": "mandatory_reporter", "institution": "9"},
        {"unit": "mandatory_reporter", "institution": "2112000001", "division": "120114101"},
    ],
)
def test_a_principal_that_the_policy_does_not_know_is_no_principal(changes: dict[str, Any]) -> None:
    assert code_and_words(**changes)[0] == "UNAUTHENTICATED"


def test_the_purpose_must_be_declared_known_and_in_the_credential() -> None:
    code, words = code_and_words(None)
    assert (code, "allows `dropout_control`, `legal_aid`" in words) == ("PURPOSE_REQUIRED", True)
    assert code_and_words("curiosity")[0] == "PURPOSE_NOT_ALLOWED"
    assert code_and_words("DROPOUT_CONTROL")[0] == "PURPOSE_NOT_ALLOWED"
    code, words = code_and_words("audit")
    assert (code, "`audit` is not in your credential" in words) == ("PURPOSE_NOT_ALLOWED", True)


def test_a_purpose_that_is_not_known_is_not_repeated() -> None:
    assert "120114201001011234" not in code_and_words("120114201001011234")[1]


def test_a_purpose_of_the_credential_that_the_policy_no_longer_knows_is_not_offered() -> None:
    _, words = code_and_words(None, purposes=("abolished", "audit"))
    assert "abolished" not in words


def test_a_case_is_needed_where_the_purpose_says_so_and_kept_where_it_is_given() -> None:
    assert code_and_words("legal_aid")[0] == "CASE_REQUIRED"
    assert declaring("legal_aid", "（2017）津0114民初1号").case == "（2017）津0114民初1号"
    assert declaring("dropout_control", "2017-1".replace("-", "")).case == "20171"
    code, words = code_and_words("legal_aid", "x'; drop table")
    assert (code, "drop" in words) == ("INVALID_INPUT", False)


def test_headers_are_read_in_any_case_and_a_case_reference_in_utf_8() -> None:
    raw = "（2017）津0114民初1号"
    found = declared({"HUB-PURPOSE": " audit ", "hub-case": raw.encode().decode("latin-1"), "Hub-On-Denied": "NULL"})
    assert found == Declaration(purpose="audit", case=raw, denied="null")
    assert declared({}) == Declaration(purpose=None, case=None, denied="refuse")
    with pytest.raises(RefusalError, match="must be `refuse` or `null`"):
        declared({"hub-on-denied": "maybe"})


def test_a_key_set_is_refused_whole_for_one_bad_key(issuer: Issuer) -> None:
    good = {**issuer.key.as_dict(private=False), "alg": "ES256"}
    assert set(read_keys(json.dumps({"keys": [good]}).encode(), "p")) == {issuer.key.kid}
    with warnings.catch_warnings(action="ignore"):
        small = RSAKey.generate_key(1024, {"kid": "r", "alg": "RS256"}, private=True, auto_kid=False).as_dict(
            private=False
        )
    bad: list[tuple[Any, str]] = [
        ("no json", "no JWKS"),
        ({"keys": []}, "no keys"),
        ({"keys": [good, good]}, "stands twice"),
        ({"keys": [{**good, "kid": None}]}, "no `kid`"),
        ({"keys": [{**good, "alg": "ES384"}]}, "`alg`"),
        ({"keys": [{**good, "alg": None}]}, "`alg`"),
        ({"keys": [{**good, "use": "enc"}]}, "`use`"),
        ({"keys": [{**good, "x": "AA"}]}, "cannot be read"),
        ({"keys": [good, issuer.key.as_dict(private=True)]}, "private"),
        ({"keys": [good, {"kty": "oct", "k": "AAAA", "kid": "s", "alg": "HS256"}]}, "symmetric"),
        ({"keys": [small]}, "2048"),
    ]
    for value, words in bad:
        text = value if isinstance(value, str) else json.dumps(value)
        with pytest.raises(KeysError, match=words):
            read_keys(text.encode(), "p")


async def test_keys_are_read_again_when_they_are_old_or_one_is_not_known(issuer: Issuer, clock: Clock) -> None:
    reads = 0
    public = {**issuer.key.as_dict(private=False), "alg": "ES256"}

    def read(_: str) -> bytes:
        nonlocal reads
        reads += 1
        return json.dumps({"keys": [{**public, "kid": f"k{reads}"}]}).encode()

    keys = KeySet(place="p", seconds=300, clock=clock, load=read)
    assert await keys.find("k1") is not None
    assert await keys.find("k2") is None
    assert reads == 1, "a flood of unknown keys is no flood of reads"
    clock.now += 11
    assert await keys.find("k2") is not None
    clock.now += 301
    assert await keys.find("k3") is not None
    assert reads == 3


async def test_while_the_keys_cannot_be_read_the_last_good_ones_count(issuer: Issuer, clock: Clock) -> None:
    texts = [json.dumps({"keys": [{**issuer.key.as_dict(private=False), "alg": "ES256"}]}).encode(), b"", b""]
    keys = KeySet(place="p", seconds=300, clock=clock, load=lambda _: texts.pop(0))
    kid = str(issuer.key.kid)
    assert await keys.find(kid) is not None
    clock.now += 301
    assert await keys.find(kid) is not None
    with pytest.raises(OutageError):
        await KeySet(place="p", seconds=300, clock=clock, load=lambda _: b"").find(kid)


def test_only_paths_and_https_are_read(tmp_path: Path) -> None:
    for place in ("http://127.0.0.1/jwks", "file:///etc/passwd", "ftp://x/y"):
        with pytest.raises(KeysError, match="only a path or an https URL"):
            load(place)
    with pytest.raises(KeysError, match="cannot be read"):
        load(str(tmp_path / "none"))
    (tmp_path / "large").write_bytes(b"x" * 300_000)
    with pytest.raises(KeysError, match="larger"):
        load(str(tmp_path / "large"))


def test_the_dev_issuer_makes_its_key_once_and_shows_it_to_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = open_issuer(folder, issuer="i", audience="a")
    second = open_issuer(folder, issuer="i", audience="a")
    assert first.key.kid == second.key.kid
    assert (folder / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert '"d"' not in (folder / JWKS_FILE).read_text()
    assert sorted(path.name for path in folder.iterdir()) == sorted([KEY_FILE, JWKS_FILE])


def test_a_key_set_of_another_key_is_written_anew(tmp_path: Path) -> None:
    open_issuer(tmp_path, issuer="i", audience="a")
    (tmp_path / KEY_FILE).unlink()
    issuer = open_issuer(tmp_path, issuer="i", audience="a")
    assert str(issuer.key.kid) in (tmp_path / JWKS_FILE).read_text()
