"""The console in a real browser: it changes while one looks, and nothing that a producer names can run in it.

The console reads the in-memory twin of Kafka, so that what is seen depends on the console alone.
"""

import math
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from driftline import codec, topics
from driftline.clock import SystemClock
from driftline.events import (
    AlertFired,
    AlertResolved,
    CheckpointSigned,
    Decision,
    HealthOpened,
    Measure,
    ModelRegistered,
    Stage,
    StageChanged,
    WindowReport,
)
from driftline.kafka.memory import MemoryCluster
from driftline.runtime.preflight import new_topic
from driftline.runtime.tokens import create_token
from services.console.app import assemble
from services.console.settings import ConsoleSettings
from services.console.store.tables import BY_TOPIC
from tests.builders import fired_of, report_of

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")),
        reason="needs Chromium and its driver (apt-get install chromium chromium-driver)",
    ),
]

DAY_US = 86_400_000_000
MARCH = 1_362_096_000_000_000
"""2013-03-01 UTC."""
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1600,1150",
]
WAIT_SECONDS = 20
HOSTILE = "shop.<img src=x onerror=\"document.title='owned'\">'\"&"


class Console:
    """A console on the twin, and a voice to say things on its topics."""

    def __init__(self, directory: Path) -> None:
        self.cluster = MemoryCluster(SystemClock())
        declared = [topics.catalogue()[topic] for topic in BY_TOPIC]
        self.cluster.admin().create([new_topic(each) for each in declared])
        self.producer = self.cluster.producer()
        tokens = directory / "tokens.json"
        self.token = create_token(tokens, "vera", ["viewer"])
        settings = ConsoleSettings(data_dir=directory, tokens_file=tokens, http_port=0)
        self.service = assemble(settings, self.cluster, SystemClock())
        self.service.start()
        self.url = self.service.server.url
        self.work = threading.Thread(target=self.service.follower.run)
        self.work.start()

    def say(self, topic: str, *events: object) -> None:
        for event in events:
            self.producer.produce(topics.name(topic), codec.encode(event), key=b"k")
        self.producer.flush(1)

    def close(self) -> None:
        self.service.follower.stop()
        self.work.join(20)
        self.service.close()


def window(
    day: int = 0, *, model_id="flights.late_arrivals", psi=0.05, risk=10.0, severity="MINIMAL", **changes
) -> WindowReport:
    columns = changes.pop("columns", ("temp", "dewp", "wind_speed", "pressure", "carrier", "origin", "distance", ":score"))
    measures = tuple(
        Measure(
            family="feature", name="psi", column=name, value=psi / (1 + place), limit=0.25, violated=psi / (1 + place) > 0.25
        )
        for place, name in enumerate(columns)
    )
    performance = changes.pop("performance", {"auc": 0.75 - risk / 400, "f1": 0.5, "precision": 0.6, "recall": 0.45})
    measures += tuple(Measure(family="performance", name=name, value=value, limit=0.6) for name, value in performance.items())
    defaults = report_of(
        model_id=model_id,
        model_version="1.0",
        start=MARCH + day * DAY_US,
        end=MARCH + (day + 1) * DAY_US,
        decision=Decision.PERFORMANCE,
        n=950,
        labels_in_time=920,
        labels_later=3,
        label_coverage=0.974,
        profiles_offset=day,
        measures=measures,
        risk_score=risk,
        severity=severity,
    )
    return replace(defaults, **changes)


def alert(**changes) -> AlertFired:
    values = {
        "alert_id": "a1",
        "title": "Feature drift in late_arrivals",
        "model_id": "flights.late_arrivals",
        "model_version": "1.0",
        "risk_score": 72.0,
        "runbook_url": "/runbooks/drift-runbook",
        "details": "PSI of temp is 1.32 against a limit of 0.25 (n = 950, 12 Apr 2013, 1 day, baseline b)",
        "starts_at": MARCH + 40 * DAY_US,
        "source_event_id": "e",
    }
    return fired_of(**(values | changes))


def a_season(console: Console, days: int = 120) -> None:
    """Spring: the weather leaves what the model was fitted on."""
    console.say(
        "governance",
        ModelRegistered(
            model_id="flights.late_arrivals",
            description="Arrives more than 15 minutes late",
            owner="operations",
            tags={},
            actor="ann",
            at=1,
        ),
    )
    step = StageChanged(
        model_id="flights.late_arrivals",
        model_version="1.0",
        from_stage=Stage.STAGING,
        to_stage=Stage.PRODUCTION,
        reason="r",
        actor="ann",
        at=2,
    )
    console.say("governance", step)
    bands = ((80, "CRITICAL"), (60, "HIGH"), (40, "MEDIUM"), (20, "LOW"), (0, "MINIMAL"))
    for day in range(days):
        psi = 0.04 + max(0.0, day - 12) ** 1.5 / 180 * (1 + 0.3 * math.sin(day))
        risk = min(95.0, 8 + day * 0.6 + 6 * math.sin(day / 3))
        severity = next(name for border, name in bands if risk >= border)
        console.say("windows", window(day, psi=psi, risk=risk, severity=severity))


@pytest.fixture
def console(tmp_path):
    made = Console(tmp_path)
    yield made
    made.close()


@pytest.fixture
def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in CHROMIUM_FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    yield driver
    driver.quit()


def until(browser, found):
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, WAIT_SECONDS, poll_frequency=0.1, ignored_exceptions=[StaleElementReferenceException]).until(
        lambda _: found()
    )


def text(browser, selector):
    from selenium.webdriver.common.by import By

    found = browser.find_elements(By.CSS_SELECTOR, selector)
    return found[0].text if found else ""


def log_in(browser, console):
    import httpx

    answer = httpx.post(f"{console.url}/v1/login-links", headers={"Authorization": f"Bearer {console.token}"})
    browser.get(console.url + answer.json()["path"])
    until(browser, lambda: "live" in text(browser, "#live"))


def faults(browser):
    return [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def drawn(browser):
    return browser.execute_script("return document.documentElement.dataset.drawn")


def colour_of_last_cell(browser):
    """Red, green and blue of the most drifted column in the last window."""
    return browser.execute_script(
        "const c = document.querySelector('.heat canvas'), s = devicePixelRatio;"
        "return Array.from(c.getContext('2d').getImageData(c.width - 4 * s, 33 * s, 1, 1).data).slice(0, 3)"
    )


def picture(browser, name):
    if folder := os.environ.get("DRIFTLINE_SCREENSHOTS"):
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def test_the_page_changes_while_one_looks(console, browser):
    console.say("windows", *(window(day) for day in range(10)))
    log_in(browser, console)
    until(browser, lambda: drawn(browser) == "10")
    calm = colour_of_last_cell(browser)
    browser.execute_script("window.untouched = true")

    console.say("windows", window(10, psi=6.0, risk=85.0, severity="CRITICAL"))
    until(browser, lambda: "critical" in text(browser, "#fleet"))
    until(browser, lambda: drawn(browser) == "11")
    assert colour_of_last_cell(browser) != calm

    console.say("alerts", alert(priority="critical"))
    until(browser, lambda: "Feature drift in late_arrivals" in text(browser, "#alerts"))
    console.say("checkpoints", CheckpointSigned(log_id="driftline.dev/ledger", size=4321, root="R" * 44, note="", at=MARCH))
    until(browser, lambda: "4\u202f321" in text(browser, "#tiles"))
    stalled = HealthOpened(
        source="drift", subject="predictions-3", kind="stalled_partition", severity="HIGH", detail="look", labels={}, at=MARCH
    )
    console.say("health", stalled)
    until(browser, lambda: "stalled partition" in text(browser, "#problems"))
    console.say(
        "alerts",
        AlertResolved(
            alert_id="a1",
            group_key="g",
            model_id="m",
            labels={},
            starts_at=alert().starts_at,
            ends_at=MARCH,
            reason="clean",
            source_event_id="e",
        ),
    )
    until(browser, lambda: "None." in text(browser, "#alerts"))
    assert browser.execute_script("return window.untouched"), "the page was loaded anew instead of changing"
    assert faults(browser) == []


def test_a_first_model_appears_on_an_empty_page(console, browser):
    log_in(browser, console)
    assert "Nothing is watched yet" in text(browser, "#fleet")
    console.say("windows", window())
    until(browser, lambda: "late_arrivals" in text(browser, "#fleet"))
    until(browser, lambda: drawn(browser) == "1")
    assert faults(browser) == []


def test_what_producers_name_is_shown_and_never_run(console, browser):
    columns = (HOSTILE, "</script><script>document.title='owned'</script>")
    console.say("windows", window(model_id=HOSTILE, psi=2.0, risk=70.0, severity="HIGH", columns=columns))
    evil = alert(model_id=HOSTILE, title=HOSTILE, details=HOSTILE, runbook_url="javascript:document.title='owned'")
    console.say("alerts", evil)
    log_in(browser, console)
    until(browser, lambda: drawn(browser) == "1")
    until(browser, lambda: HOSTILE in text(browser, "#alerts"))
    assert HOSTILE in text(browser, "#model-title")
    links = browser.execute_script("return Array.from(document.links, (link) => link.protocol)")
    assert set(links) == {"http:"}
    assert browser.execute_script("return document.querySelectorAll('img[src=x], .alerts script').length") == 0
    assert "owned" not in browser.title.replace(HOSTILE.rpartition(".")[2], "")
    assert faults(browser) == []


def test_a_page_that_was_away_catches_up(console, browser):
    console.say("windows", window())
    log_in(browser, console)
    until(browser, lambda: drawn(browser) == "1")
    browser.execute_cdp_cmd("Network.enable", {})
    away = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", away)
    console.say("windows", *(window(day) for day in range(1, 6)))
    browser.execute_cdp_cmd(
        "Network.emulateNetworkConditions", away | {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
    )
    until(browser, lambda: drawn(browser) == "6")


def test_a_season_of_windows_is_drawn(console, browser):
    a_season(console)
    console.say(
        "alerts",
        alert(),
        alert(
            alert_id="a2",
            priority="medium",
            title="Performance of late_arrivals fell",
            details="AUC is 0.63 against a limit of 0.70",
        ),
    )
    console.say(
        "checkpoints",
        CheckpointSigned(log_id="driftline.dev/ledger", size=48_211, root="q" * 43 + "=", note="", at=SystemClock().now_us()),
    )
    log_in(browser, console)
    until(browser, lambda: drawn(browser) == "120")
    until(
        browser,
        lambda: browser.execute_script("return document.querySelectorAll('#performance .scatterlayer .trace').length") == 4,
    )
    picture(browser, "console")
    assert faults(browser) == []
