"""RSA: tokens by RS256 and PS256 from an issuer that is not ours, each good for the one algorithm of its key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.credential import Verifier
from hub.errors import RefusalError
from hub.keys import KeysError, KeySet, read_keys

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://issuer.invalid", "hub"

PKCS1 = padding.PKCS1v15()
PSS = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=32)
WIDE_PSS = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=padding.PSS.MAX_LENGTH)
Sign = Callable[[bytes], bytes]


def coded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def number(value: int) -> str:
    return coded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def stranger() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def curve() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(private: rsa.RSAPrivateKey, algorithm: str | None, **changes: Any) -> dict[str, Any]:
    """The public key as an identity provider shows it."""
    numbers = private.public_key().public_numbers()
    entry = {"kty": "RSA", "kid": f"rsa-{algorithm}", "use": "sig", "alg": algorithm}
    return {**entry, "n": number(numbers.n), "e": number(numbers.e), **changes}


def curve_jwk(curve: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    numbers = curve.public_key().public_numbers()
    point = {"x": coded(numbers.x.to_bytes(32, "big")), "y": coded(numbers.y.to_bytes(32, "big"))}
    return {"kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256", **point}


@pytest.fixture
def verifier(tmp_path: Path, private: rsa.RSAPrivateKey, curve: ec.EllipticCurvePrivateKey) -> Verifier:
    """A verifier whose issuer signs by three algorithms, two of them with one RSA key."""
    place = tmp_path / "jwks.json"
    place.write_text(json.dumps({"keys": [jwk(private, "RS256"), jwk(private, "PS256"), curve_jwk(curve)]}))
    return Verifier(
        keys=KeySet(place=str(place), seconds=300, clock=lambda: NOW),
        issuer=ISSUER,
        audience=AUDIENCE,
        lifetime=900,
        leeway=30,
        clock=lambda: NOW,
    )


def token(sign: Sign, kid: str, algorithm: str, **changes: Any) -> str:
    """A token as software of others writes it: no line of the library that verifies takes part."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "client",
        "unit": "education_bureau",
        "operator": "no-17",
        "purposes": ["dropout_control"],
        "iat": NOW,
        "exp": NOW + 600,
        "jti": "t1",
        **changes,
    }
    header = {"alg": algorithm, "typ": "at+jwt", "kid": kid}
    signed = f"{coded(json.dumps(header).encode())}.{coded(json.dumps(claims).encode())}"
    return f"{signed}.{coded(sign(signed.encode()))}"


def by(private: rsa.RSAPrivateKey, scheme: padding.AsymmetricPadding) -> Sign:
    return lambda text: private.sign(text, scheme, SHA256())


async def refusal(verifier: Verifier, text: str) -> str:
    with pytest.raises(RefusalError) as caught:
        await verifier.verify(text)
    assert caught.value.code == "UNAUTHENTICATED"
    return caught.value.message


@pytest.mark.parametrize(("algorithm", "scheme"), [("RS256", PKCS1), ("PS256", PSS)])
async def test_a_token_that_an_rsa_key_signed_becomes_a_credential(
    verifier: Verifier, private: rsa.RSAPrivateKey, algorithm: str, scheme: padding.AsymmetricPadding
) -> None:
    found = await verifier.verify(token(by(private, scheme), f"rsa-{algorithm}", algorithm))
    assert (found.key, found.operator, found.expires_at) == ("education_bureau", "no-17", NOW + 600)


async def test_keys_of_several_kinds_stand_side_by_side(
    verifier: Verifier, private: rsa.RSAPrivateKey, curve: ec.EllipticCurvePrivateKey
) -> None:
    def by_curve(text: bytes) -> bytes:
        halves = decode_dss_signature(curve.sign(text, ec.ECDSA(SHA256())))
        return b"".join(half.to_bytes(32, "big") for half in halves)

    assert (await verifier.verify(token(by_curve, "ec", "ES256", jti="a"))).token_id == "a"
    assert (await verifier.verify(token(by(private, PSS), "rsa-PS256", "PS256", jti="b"))).token_id == "b"
    assert "must be signed with ES256" in await refusal(verifier, token(by(private, PKCS1), "ec", "RS256"))
    assert "must be signed with RS256" in await refusal(verifier, token(by_curve, "rsa-RS256", "ES256"))


@pytest.mark.parametrize(
    ("kid", "algorithm", "scheme", "words"),
    [
        ("rsa-RS256", "PS256", PSS, "must be signed with RS256"),
        ("rsa-PS256", "RS256", PKCS1, "must be signed with PS256"),
        ("rsa-RS256", "RS512", PKCS1, "must be signed with RS256"),
        ("rsa-RS256", "RS256", PSS, "signature of the token is wrong"),
        ("rsa-PS256", "PS256", PKCS1, "signature of the token is wrong"),
        ("rsa-PS256", "PS256", WIDE_PSS, "signature of the token is wrong"),
    ],
)
async def test_a_key_is_good_for_the_algorithm_that_it_is_pinned_to(
    verifier: Verifier,
    private: rsa.RSAPrivateKey,
    kid: str,
    algorithm: str,
    scheme: padding.AsymmetricPadding,
    words: str,
) -> None:
    assert words in await refusal(verifier, token(by(private, scheme), kid, algorithm))


@pytest.mark.parametrize(("algorithm", "scheme"), [("RS256", PKCS1), ("PS256", PSS)])
async def test_a_stranger_s_signature_and_an_altered_claim_are_refused(
    verifier: Verifier,
    private: rsa.RSAPrivateKey,
    stranger: rsa.RSAPrivateKey,
    algorithm: str,
    scheme: padding.AsymmetricPadding,
) -> None:
    kid = f"rsa-{algorithm}"
    assert "signature" in await refusal(verifier, token(by(stranger, scheme), kid, algorithm))
    head, _, signature = token(by(private, scheme), kid, algorithm).split(".")
    _, other, _ = token(by(private, scheme), kid, algorithm, unit="district_court").split(".")
    assert "signature" in await refusal(verifier, f"{head}.{other}.{signature}")
    for short in ("", coded(b"\0"), signature[:-4], coded(b"\0" * 256)):
        assert "signature" in await refusal(verifier, f"{head}.{other}.{short}")


async def test_the_public_key_is_no_secret_of_a_symmetric_signature(
    verifier: Verifier, private: rsa.RSAPrivateKey
) -> None:
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def by_public(text: bytes) -> bytes:
        return hmac.digest(public, text, hashlib.sha256)

    for kid in ("rsa-RS256", "rsa-PS256"):
        wanted = kid.removeprefix("rsa-")
        assert f"must be signed with {wanted}" in await refusal(verifier, token(by_public, kid, "HS256"))
        assert "signature" in await refusal(verifier, token(by_public, kid, wanted))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"alg": None}, "`alg`"),
        ({"alg": "RS512"}, "`alg`"),
        ({"alg": "ES256"}, "`alg`"),
        ({"alg": "RSA-OAEP"}, "`alg`"),
        ({"crv": "P-256", "kty": "EC"}, "`alg`"),
        ({"use": "enc"}, "`use`"),
        ({"n": None}, "cannot be read"),
        ({"n": ""}, "cannot be read"),
        ({"n": "!"}, "cannot be read"),
        ({"n": 7}, "cannot be read"),
        ({"e": None}, "cannot be read"),
        ({"e": "AQ"}, "cannot be read"),
        ({"e": "Ag"}, "cannot be read"),
        ({"d": "AQAB"}, "private"),
    ],
)
def test_an_rsa_key_that_cannot_be_trusted_refuses_the_whole_set(
    private: rsa.RSAPrivateKey, changes: Mapping[str, Any], words: str
) -> None:
    good, bad = jwk(private, "PS256"), jwk(private, "RS256", **changes)
    assert read_keys(json.dumps({"keys": [good]}).encode(), "p")["rsa-PS256"].algorithm == "PS256"
    with pytest.raises(KeysError, match=words):
        read_keys(json.dumps({"keys": [good, {k: v for k, v in bad.items() if v is not None}]}).encode(), "p")


def test_an_rsa_key_is_at_least_2048_bits_long() -> None:
    for bits, good in ((1024, False), (2047, False), (2048, True), (3072, True)):
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        text = json.dumps({"keys": [jwk(key, "PS256")]}).encode()
        if good:
            assert set(read_keys(text, "p")) == {"rsa-PS256"}
        else:
            with pytest.raises(KeysError, match="at least 2048 bits"):
                read_keys(text, "p")
