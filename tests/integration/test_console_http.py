"""The console over real HTTP: who gets in and for how long, what is taken from whom, and what bad input is told."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import asyncpg
import httpx
import orjson
import pytest

from hub.pages.layout import HEADERS
from hub.pages.session import COOKIE, IDLE
from tests.support.console import AUDITOR, Running, form_of, patiently

pytestmark = pytest.mark.postgres

PAGES = ("/", "/search", "/unusual", "/reviews", "/month", "/cycles", "/entry/0", "/entry/0?verify=1")


async def ids(running: Running) -> list[bytes]:
    return [row["id"] for row in await running.owner("select id from pages.session")]


async def test_a_session_is_a_cookie_that_no_script_reads_and_of_which_the_database_knows_only_the_hash(
    running: Running,
) -> None:
    async with running.client() as client:
        reply = await patiently(client, {"token": running.token("auditor", "audit", operator=AUDITOR)})
        given = reply.headers["set-cookie"]
        assert reply.headers["location"] == "/console/"
        attributes = {part.strip().lower() for part in given.split(";")[1:]}
        assert {"httponly", "samesite=strict"} <= attributes and "secure" not in attributes
        value = client.cookies[COOKIE]
        assert len(value) >= 43
        kept = await running.owner("select *, s::text as whole from pages.session s")
        assert kept and all(value not in row["whole"] and len(row["id"]) == 32 for row in kept)
        other = await patiently(client, {"token": running.token("auditor", "audit", operator=AUDITOR)})
        assert client.cookies[COOKIE] != value and other.status_code == 303


async def test_away_from_loopback_the_cookie_travels_by_https_alone(running: Running) -> None:
    async with running.client(Host="hub.example") as client:
        reply = await patiently(client, {"token": running.token("auditor", "audit", operator=AUDITOR)})
        assert reply.status_code == 303
        assert "; secure" in reply.headers["set-cookie"].lower()


async def test_no_page_is_seen_without_a_session(running: Running) -> None:
    async with running.client() as client:
        for path in (
            *PAGES,
            "/entry/0/proof",
            "/month/2026-11.xlsx",
            "/child/f-" + "a" * 22,
            "/operator?unit=x&operator=y",
            "/nowhere",
        ):
            reply = await client.get(f"/console{path}")
            assert (reply.status_code, reply.headers["location"]) == (303, "/console/sign-in"), path
        client.cookies.set(COOKIE, "made-up", path="/console")
        assert (await client.get("/console/")).status_code == 303
        reply = await client.get("/console")
        assert reply.status_code in (303, 307)


async def test_a_session_ends_with_its_token_after_idle_minutes_at_revocation_and_at_sign_out(
    running: Running,
) -> None:
    ways = {
        "expired": "update pages.session set expires = now() - interval '1 second'",
        "idle": "update pages.session set seen = now() - interval '15 minutes 1 second'",
    }
    assert timedelta(minutes=15) == IDLE
    for name, statement in ways.items():
        async with running.signed_in() as client:
            assert (await client.get("/console/")).status_code == 200
            await running.owner(statement)
            assert (await client.get("/console/")).status_code == 303, name
    async with running.signed_in() as client:
        page = await client.get("/console/")
        client.cookies.delete(COOKIE)
        left = await client.post("/console/sign-out", data={"form": form_of(page.text)})
        assert left.status_code in (303, 403), "a cookie that was lost ends nothing"
    async with running.signed_in() as client:
        cookie = client.cookies[COOKIE]
        page = await client.get("/console/")
        left = await client.post("/console/sign-out", data={"form": form_of(page.text)})
        assert (left.status_code, left.headers["location"]) == (303, "/console/sign-in")
        client.cookies.set(COOKIE, cookie)
        assert (await client.get("/console/")).status_code == 303
    async with running.signed_in() as client:
        ((credential,),) = await running.owner(
            "select credential::text from pages.session order by seen desc, expires desc limit 1"
        )
        running.revoked.write_text(orjson.loads(credential)["token_id"] + "\n", "utf-8")
        assert (await client.get("/console/")).status_code == 303
        running.revoked.write_text("", "utf-8")
        assert (await client.get("/console/")).status_code == 303, "it does not come back"


async def test_who_is_no_auditor_gets_nothing_and_that_is_an_entry(running: Running) -> None:
    before, sessions = await running.size(), len(await ids(running))
    for unit, purpose in (("public_security_bureau", "emergency_response"), ("education_bureau", "audit")):
        async with running.client() as client:
            reply = await patiently(client, {"token": running.token(unit, purpose)})
            assert reply.status_code == 403
            assert COOKIE not in client.cookies
            assert "仅供审计人员" in reply.text and "记入日志" in reply.text
            assert (await client.get("/console/")).status_code == 303
    async with running.client() as client:
        reply = await patiently(client, {"token": running.token("auditor", "statistics")})
        assert reply.status_code == 403
    assert len(await ids(running)) == sessions
    found = [
        (each["kind"], each["unit"], each["decision"], each["errors"])
        for each in await running.entries(before)
        if each["kind"] == "refusal"
    ]
    assert [each[1] for each in found] == ["public_security_bureau", "education_bureau", "auditor"]
    assert all(each[2:] == ("DENIED", ["NOT_ENTITLED"]) for each in found)


async def test_a_token_that_is_none_is_told_in_words_of_the_reader_and_shown_to_nobody(running: Running) -> None:
    good = running.token("auditor", "audit")
    wrong = ("", "x", "a.b.c", good[:-4] + "AAAA", good + "\x00", "令牌.令牌.令牌", "A" * 9_000, f"{good} {good}")
    for token in wrong:
        for spoken, word in (("zh-CN", "不能登录"), ("en", "Sign-in failed")):
            async with running.client(**{"Accept-Language": spoken}) as client:
                reply = await patiently(client, {"token": token})
                assert (reply.status_code, word in reply.text) == (401, True), token
                assert COOKIE not in client.cookies
                assert not token or len(token) < 6 or token not in reply.text
                if spoken == "zh-CN":
                    said = re.search(r'role="alert">(.*?)</p>', reply.text, re.DOTALL)
                    assert said and re.search("[一-鿿]{4}.*[一-鿿]{6}", said[1], re.DOTALL), said
    async with running.client() as client:
        reply = await patiently(client, {"token": f"  {running.token('auditor', 'audit')}\r\n"})
        assert reply.status_code == 303, "white space around it harms nothing"


async def test_attempts_to_sign_in_are_limited(running: Running) -> None:
    async with running.client() as client:
        posts = [client.post("/console/sign-in", data={"token": "a.b.c"}) for _ in range(30)]
        statuses = [reply.status_code for reply in await asyncio.gather(*posts)]
        assert statuses.count(429) >= 15 and set(statuses) <= {401, 429}


async def test_a_post_from_elsewhere_is_refused_and_changes_nothing(running: Running) -> None:
    async with running.signed_in() as client:
        form = form_of((await client.get("/console/")).text)
        before = await running.size()
        review = {"form": form, "mark": "reviewed", "note": ""}
        headers: list[dict[str, str]] = [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "cross-site", "Origin": running.url},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ]
        for given in headers:
            for path in ("/entry/0/review", "/find", "/search", "/sign-out"):
                reply = await client.post(f"/console{path}", data=review, headers=given)
                assert reply.status_code == 403, (given, path)
            reply = await client.post("/console/sign-in", data={"token": "a.b.c"}, headers=given)
            assert reply.status_code == 403, given
        bare = httpx.AsyncClient(base_url=running.url, cookies=client.cookies)
        async with bare:
            reply = await bare.post("/console/entry/0/review", data=review)
            assert reply.status_code == 403, "without any word of where it comes from"
        for wrong in ({}, {"form": ""}, {"form": "x"}, {"form": form[:-1]}, {"form": "表"}):
            reply = await client.post("/console/entry/0/review", data={**review, "form": "", **wrong})
            assert reply.status_code == 403, wrong
        async with running.signed_in() as other:
            reply = await other.post("/console/entry/0/review", data=review)
            assert reply.status_code == 403, "the form of another session"
        assert not [each for each in await running.entries(before) if each["kind"] == "review"]
        assert (await client.get("/console/")).status_code == 200, "still signed in"


async def test_no_page_lets_anything_in_or_stays_behind(running: Running) -> None:
    policy = dict(rule.strip().split(" ", 1) for rule in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    async with running.signed_in() as client:
        for path in (*PAGES, "/sign-in", "/nowhere", "/entry/999999"):
            reply = await client.get(f"/console{path}")
            for name, value in HEADERS.items():
                assert reply.headers[name] == value, (path, name)
            if reply.status_code == 303:
                continue
            assert "text/html" in reply.headers["content-type"], path
            assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", reply.text), path
            places = re.findall(r'(?:src|href|action)="([^"]+)"', reply.text)
            assert places and all(place.startswith(("/console/", "?", "#")) for place in places), path
        for name in ("console.css", "console.js"):
            assert (await client.get(f"/console/assets/{name}")).status_code == 200
        for name in ("../layout.py", "%2e%2e/session.py", "..%2ftemplates/base.html"):
            assert (await client.get(f"/console/assets/{name}")).status_code == 404


async def test_every_look_is_an_entry_before_the_page_leaves_and_holds_no_number(running: Running) -> None:
    file = running.child()
    number, register = str(file["_citizen"]), str(file["_register"])
    names = (running.names.citizen(number), running.names.register(register))
    async with running.signed_in() as client:
        form = form_of((await client.get("/console/")).text)
        before = await running.size()
        found = await client.post(
            "/console/find", data={"form": form, "citizen_id": number, "register_no": f" {register} "}
        )
        assert found.headers["location"] == f"/console/child/{names[0]}.{names[1]}"
        for path in (found.headers["location"], *(f"/console{path}" for path in PAGES)):
            assert (await client.get(path)).status_code == 200, path
    looks = [each for each in await running.entries(before) if each["kind"] == "look"]
    assert len(looks) == 1 + len(PAGES)
    for look in looks:
        assert (look["unit"], look["operator"], look["purpose"], look["clauses"]) == (
            "auditor",
            AUDITOR,
            "audit",
            ["2.4"],
        )
    facts = [set(look["facts"]) for look in looks]
    assert facts[0] == {"page=child"} and set(looks[0]["subjects"]) == set(names)
    assert {"page=entry", "entry=0", "verified=yes"} == facts[-1]
    whole = await running.owner("select convert_from(bytes, 'UTF8') as text from log.entry")
    assert not [row for row in whole if number in row["text"] or register in row["text"]]


async def test_without_the_log_no_page_is_shown(running: Running) -> None:
    async with running.signed_in() as client:
        await client.get("/console/entry/0")
        await running.indexed()
        owner = await asyncpg.connect(running.server.dsn("hub"))
        try:
            transaction = owner.transaction()
            await transaction.start()
            await owner.execute("lock table log.pending in access exclusive mode")
            reply = await client.get("/console/entry/0")
            assert reply.status_code == 503
            assert "日志暂时不可用" in reply.text
            assert not re.search("[0-9a-f]{32}", reply.text), "nothing of the entry"
            await transaction.rollback()
        finally:
            await owner.close()
        for _ in range(100):
            if (await client.get("/console/entry/0")).status_code == 200:
                return
            await asyncio.sleep(0.1)
        pytest.fail("the console did not come back")


async def test_a_search_that_takes_too_long_says_how_to_narrow_it(running: Running) -> None:
    owner = await asyncpg.connect(running.server.dsn("hub"))
    async with running.signed_in() as client:
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute("lock table log.found in access exclusive mode")
        paths = ("/search", "/unusual", "/month")
        replies = await asyncio.gather(*(client.get(f"/console{path}") for path in paths))
        for path, reply in zip(paths, replies, strict=True):
            assert (reply.status_code, "请缩短日期范围或指明单位" in reply.text) == (422, True), path
        await transaction.rollback()
        await owner.close()
        assert (await client.get("/console/search")).status_code == 200


LONG = "x" * 3_000
BAD = {
    "/entry/999999": 404,
    "/entry/-1": 400,
    "/entry/abc": 400,
    "/entry/९": 400,
    "/entry/99999999999999999999": 400,
    "/entry/999999/proof": 404,
    "/entry/abc/proof": 400,
    "/child/120114201203070017": 400,
    "/child/f-short": 400,
    "/child/r-" + "a" * 22: 400,
    "/child/a-" + "a" * 22: 400,
    "/child/" + ".".join(["f-" + "a" * 22] * 5): 400,
    "/search?since=2026-11-25&until=2026-11-01": 400,
    "/search?since=yesterday": 400,
    "/search?since=0001-01-01&until=9999-12-31": 400,
    "/search?until=9999-12-31": 400,
    "/search?before=x": 400,
    "/search?before=-1": 400,
    "/search?kind=nothing": 400,
    "/search?decision=nothing": 400,
    "/search?purpose=nothing": 400,
    "/search?unit=no_such_unit": 200,
    "/search?operator=%00": 400,
    "/search?request=%ff%00": 400,
    "/search?operator=120114201203070017": 400,
    "/search?unit=120114201203070017": 400,
    "/search?coordinate=Child.nothing": 400,
    "/search?coordinate=%E7%8E%B0%E5%B1%85%E4%BD%8F%E5%9C%B0": 200,
    "/search?unit=%E5%8C%BA%E6%95%99%E8%82%B2%E5%B1%80": 200,
    "/search?unit=%E6%B2%A1%E6%9C%89": 400,
    f"/search?operator={LONG}": 400,
    "/search?case=k-" + "a" * 22: 200,
    "/search?case=%282026%29": 400,
    "/operator?unit=education_bureau&operator=%00": 400,
    "/operator?unit=education_bureau&operator=a%2Fb": 200,
    "/operator?unit=education_bureau&operator=%E5%BC%A0": 200,
    "/operator": 400,
    "/operator?unit=education_bureau": 400,
    "/operator/x/y": 404,
    "/unusual?since=2026-11-25&until=2026-11-01": 400,
    "/unusual?since=2020-01-01&until=2026-11-25": 400,
    "/unusual?until=0001-01-01": 400,
    "/month?month=2026-13": 400,
    "/month?month=0001-01": 400,
    "/month?month=9999-12": 400,
    "/month/nothing.xlsx": 400,
    "/month/2026-11.pdf": 404,
    "/?span=century": 200,
    "/nowhere": 404,
}


async def test_bad_input_is_told_in_words_and_is_never_our_fault(running: Running) -> None:
    async with running.signed_in() as client:
        for path, status in BAD.items():
            for spoken in ("zh-CN,zh;q=0.9", "en-GB"):
                reply = await client.get(f"/console{path}", headers={"Accept-Language": spoken})
                assert reply.status_code == status, (path, reply.status_code, reply.text[:400])
                if status >= 400:
                    said = re.search(r'role="alert">(.*?)</p>', reply.text, re.DOTALL)
                    assert said and len(said[1].strip()) >= 5, path
                    assert bool(re.search("[一-鿿]", said[1])) is (spoken != "en-GB"), (path, said[1])
                    assert "<nav " in reply.text, (path, "nobody stands before a wall")


async def test_bad_forms_are_told_in_words(running: Running) -> None:
    async with running.signed_in() as client:
        form = form_of((await client.get("/console/")).text)
        posts: list[tuple[str, dict[str, str], int, str]] = [
            ("/find", {}, 400, "至少填写一项"),
            ("/find", {"citizen_id": "120114201203070017"}, 400, "校验码"),
            ("/find", {"citizen_id": "\x00"}, 400, "公民身份号码"),
            ("/find", {"register_no": "\x00"}, 400, "档案编号"),
            ("/find", {"register_no": "9" * 400}, 400, "档案编号"),
            ("/find", {"register_no": "120114201203070017"}, 400, "此处不能填写公民身份号码"),
            ("/find", {"register_no": "１２０１１４２０１２０３０７００１７"}, 400, "此处不能填写公民身份号码"),
            ("/entry/0/review", {"mark": "wonderful"}, 400, "复核结论"),
            ("/entry/0/review", {"mark": "reviewed", "note": "字" * 4_001}, 400, "4000"),
            ("/entry/0/review", {"mark": "reviewed", "note": "孩子 120114201203070017"}, 400, "身份号码"),
            ("/entry/999999/review", {"mark": "reviewed"}, 404, "没有这条记录"),
            ("/search", {"operator": "120114201203070017"}, 400, "身份号码"),
            ("/search", {"case_reference": "\x00"}, 400, "办案编号"),
        ]
        before = await running.size()
        for path, given, status, words in posts:
            reply = await client.post(f"/console{path}", data={"form": form, **given})
            assert (reply.status_code, words in reply.text) == (status, True), (path, given, reply.text[-600:])
            assert "120114201203070017" not in reply.text
        raw = {"Content-Type": "application/x-www-form-urlencoded"}
        for body in (b"%ff%fe=%00", b"form=" + b"x" * 40_000, b"=&=&=", b"&".join([b"a=1"] * 100)):
            reply = await client.post("/console/find", content=body, headers=raw)
            assert reply.status_code in (400, 403, 413), (body[:20], reply.status_code)
        many = await client.post("/console/find", files={"form": ("x", b"y")}, data={"citizen_id": "1"})
        assert many.status_code in (403, 415)
        assert (await client.post("/console/find", json={"form": form})).status_code in (403, 415)
        assert not [each for each in await running.entries(before) if each["kind"] in ("review", "look")]
