"""The pages and data over a database of read models; requests go through the application without a socket."""

import asyncio
import json

import httpx
import pytest

from driftline.clock import ManualClock
from driftline.runtime.health import Health
from driftline.runtime.http import Access
from driftline.runtime.tokens import TokenBook, create_token
from services.console.api.application import application
from services.console.api.feed import Feed
from services.console.store.checks import CheckQueries
from services.console.store.queries import Queries
from services.console.store.tables import alerts, open_tables, windows

HOSTILE = "shop.<script>alert(1)</script>'\"&"


class House:
    def __init__(self, directory):
        self.engine = open_tables(f"sqlite:///{directory / 'console.db'}")
        tokens = directory / "tokens.json"
        self.viewer = create_token(tokens, "vera", ["viewer"])
        self.producer = create_token(tokens, "pam", ["producer"])
        (directory / "runbooks").mkdir()
        (directory / "runbooks" / "Alert.md").write_text("# Alert\n\nLook.")
        self.app = application(
            queries=Queries(self.engine),
            checks=CheckQueries(self.engine),
            feed=Feed(),
            access=Access(TokenBook(tokens)),
            clock=ManualClock(),
            health=Health(),
            runbooks=directory / "runbooks",
        )
        self.cookies = {}

    def ask(self, method, path, *, token=None, **options):
        headers = {"Authorization": f"Bearer {token}"} if token else {}

        async def request():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://console", cookies=self.cookies) as client:
                answer = await client.request(method, path, headers=headers, **options)
                self.cookies = {cookie.name: cookie.value for cookie in client.cookies.jar}
                return answer

        return asyncio.run(request())

    def log_in(self):
        path = self.ask("POST", "/v1/login-links", token=self.viewer).json()["path"]
        return self.ask("GET", path)

    def put(self, table, **values):
        with self.engine.begin() as connection:
            connection.execute(table.insert().values(**values))

    def put_window(self, model_id="m", **changes):
        values = {
            "model_id": model_id,
            "granularity": "1 day",
            "slice": "",
            "start": 0,
            "model_version": "1",
            "end": 86_400_000_000,
            "revision": 1,
            "closed_by": "WATERMARK",
            "final": False,
            "completeness": 1.0,
            "exact": True,
            "n": 10,
            "risk_score": 70.0,
            "severity": "HIGH",
            "monitor_version": 1,
            "columns": json.dumps({"psi": {"temp": [0.5, 0.25, True]}}),
            "whole": "{}",
        }
        self.put(windows, **values | changes)


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def test_who_is_not_logged_in_is_shown_the_door_and_the_way_back(house):
    answer = house.ask("GET", "/?model=a%26b")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?to=%2F%3Fmodel%3Da%2526b")
    assert house.ask("GET", "/v1/models").status_code == 401
    assert house.ask("GET", "/v1/live").status_code == 401
    assert house.ask("GET", "/runbooks/Alert").status_code == 303


def test_a_link_logs_in_once_with_a_cookie_that_scripts_cannot_read(house):
    path = house.ask("POST", "/v1/login-links", token=house.viewer).json()["path"]
    answer = house.ask("GET", path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "samesite=lax" in answer.headers["set-cookie"].lower()
    assert house.ask("GET", "/").status_code == 200
    house.cookies = {}
    assert house.ask("GET", path).status_code == 401


def test_a_token_logs_in_and_leads_back_only_to_pages_of_this_console(house):
    answer = house.ask("POST", "/login", data={"token": house.viewer, "to": "/runbooks"})
    assert answer.headers["location"] == "/runbooks"
    for elsewhere in ("https://evil.org", "//evil.org", "javascript:x"):
        answer = house.ask("POST", "/login", data={"token": house.viewer, "to": elsewhere})
        assert answer.headers["location"] == "/"


def test_a_wrong_token_or_one_that_may_not_look_is_refused(house):
    assert house.ask("POST", "/login", data={"token": "guess"}).status_code == 401
    assert house.ask("POST", "/login", data={"token": house.producer}).status_code == 403
    assert house.ask("GET", "/v1/models", token=house.producer).status_code == 403


def test_logging_out_ends_the_session(house):
    house.log_in()
    cookie = dict(house.cookies)
    house.ask("POST", "/logout")
    house.cookies = cookie
    assert house.ask("GET", "/").status_code == 303


def test_an_empty_page_says_what_to_do(house):
    house.log_in()
    assert "driftline monitor apply" in house.ask("GET", "/").text


def test_the_page_shows_the_riskiest_model_unless_another_is_asked_for(house):
    house.put_window("shop.calm", risk_score=3.0, severity="MINIMAL")
    house.put_window("shop.wild")
    house.log_in()
    assert 'data-model="shop.wild"' in house.ask("GET", "/").text
    assert 'data-model="shop.calm"' in house.ask("GET", "/?model=shop.calm").text
    assert "Nothing is known of the model nobody" in house.ask("GET", "/?model=nobody").text


def test_a_choice_that_does_not_exist_falls_back(house):
    house.put_window()
    house.log_in()
    page = house.ask("GET", "/?model=m&granularity=1%20eon&version=9&measure=luck").text
    assert 'data-granularity="1 day"' in page
    assert 'data-version="1"' in page
    assert 'data-measure="psi"' in page


def test_names_are_escaped_wherever_they_stand(house):
    house.put_window(HOSTILE)
    house.put(
        alerts,
        alert_id="a",
        starts_at=1,
        model_id=HOSTILE,
        model_version=HOSTILE,
        open=True,
        reason="",
        alert_type="general",
        title=HOSTILE,
        details=HOSTILE,
        priority='"><b>',
        severity="HIGH",
        runbook_url='javascript:"',
    )
    house.log_in()
    page = house.ask("GET", "/").text
    assert "<script>alert" not in page
    for own in ("<b>Drift", "<b>What", "<b>Perf", "<b>Business", "<b>70</b>"):
        page = page.replace(own, "")
    assert "<b>" not in page
    assert "javascript:" not in page


def test_no_page_has_a_script_of_its_own_and_the_policy_forbids_it(house):
    house.put_window()
    house.log_in()
    answer = house.ask("GET", "/")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "<script>" not in answer.text
    assert " onclick=" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_data_is_for_programs_with_a_token_too(house):
    house.put_window()
    (model,) = house.ask("GET", "/v1/models", token=house.viewer).json()
    assert (model["model_id"], model["risk_score"]) == ("m", 70.0)
    query = {"granularity": "1 day", "version": "1"}
    chart = house.ask("GET", "/v1/models/m/windows", token=house.viewer, params=query).json()
    assert (chart["columns"], chart["heat"]) == (["temp"], [[0.5]])
    assert house.ask("GET", "/v1/models/m/windows", token=house.viewer, params=query | {"measure": "x"}).status_code == 422
    assert house.ask("GET", "/v1/models/m/windows", token=house.viewer, params=query | {"limit": 10**9}).status_code == 422
    for path in ("/v1/alerts", "/v1/health", "/v1/ledger"):
        assert house.ask("GET", path, token=house.viewer).status_code == 200


def test_a_model_id_may_hold_a_slash(house):
    house.put_window("a/b")
    query = {"granularity": "1 day", "version": "1"}
    answer = house.ask("GET", "/v1/models/a%2Fb/windows", token=house.viewer, params=query)
    assert answer.status_code == 200
    assert answer.json()["columns"] == ["temp"]


def test_assets_are_kept_for_ever_under_names_of_their_content(house):
    page = house.ask("GET", "/login").text
    style = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = house.ask("GET", style)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert "--paper" in answer.text
    assert house.ask("GET", "/static/../settings.py").status_code == 404
    assert house.ask("GET", "/static/console.css").status_code == 404


def test_runbooks_are_pages(house):
    house.log_in()
    assert "/runbooks/Alert" in house.ask("GET", "/runbooks").text
    assert "<h1>Alert</h1>" in house.ask("GET", "/runbooks/Alert").text
    assert house.ask("GET", "/runbooks/Other").status_code == 404


def test_health_and_metrics_are_open(house):
    assert house.ask("GET", "/healthz").status_code == 200
    assert house.ask("GET", "/readyz").status_code == 503
    assert "driftline_console_records_read_total" in house.ask("GET", "/metrics").text


def test_the_addresses_that_alerts_carry_lead_somewhere(house):
    house.put_window("shop.churn")
    house.log_in()
    assert house.ask("GET", "/model-monitoring-churn").headers["location"] == "/?model=shop.churn"
    assert house.ask("GET", "/mlops-overview").headers["location"] == "/"
    assert "<h1>Alert</h1>" in house.ask("GET", "/mlops/Alert").text
