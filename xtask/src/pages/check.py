"""The daemon's page as people see it: check.py CHROMIUM ADDRESS FOLDER

Every complaint is a line on standard error; pictures go to the folder.
"""

import json
import sys
from pathlib import Path
from urllib.request import urlopen

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

# Wide and narrow, light and dark, and text twice as large.
VIEWS = [
    ("daemon-light", 1280, 900, "light", 1),
    ("daemon-dark", 1280, 900, "dark", 1),
    ("daemon-phone", 390, 844, "light", 2),
    ("daemon-phone-dark", 320, 640, "dark", 2),
]

# What the stage has brought about must be there in words.
SAID = [
    "nightly", "weekly", "logs", "copy", "good", "stale", "failing", "Running", "Last good", "Next slot",
    "takes nightly-", "deletes weekly-", "only with a yes", "Cluster dr could not be asked", "of 1 shards",
]

complaints = []


def check(holds, what):
    if not holds:
        complaints.append(what)


def look(browser, base, folder, view):
    name, width, height, scheme, scale = view
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=scale, bypass_csp=False
    )
    page = context.new_page()
    page.on("console", lambda message: complaints.append(f"{name}: the console says {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"{name}: {error}"))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(base + "/?refresh=off", wait_until="networkidle")
    text = page.inner_text("body")
    for said in SAID:
        check(said in text, f"{name}: it does not say {said!r}")
    elsewhere = [url for url in asked if not url.startswith((base, "data:"))]
    check(not elsewhere, f"{name}: it asks elsewhere: {elsewhere}")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    check(wide <= 0, f"{name}: {wide} px stick out")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    is_dark = sum(int(part) for part in ground[4:-1].split(",")) < 3 * 128
    check(is_dark == (scheme == "dark"), f"{name}: the ground is {ground}")
    check(page.locator("progress").count() >= 1, f"{name}: no bar")
    check(page.locator("script").count() == 0, f"{name}: it has a script")
    page.screenshot(path=str(folder / f"{name}.png"), full_page=True)
    context.close()


def rules(browser, base, scheme):
    # Axe is a script, which the page's own policy forbids.
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(base + "/?refresh=off")
    found = Axe().run(page).response["violations"]
    for violation in found:
        nodes = [node["html"][:120] for node in violation["nodes"]]
        complaints.append(f"axe, {scheme}: {violation['id']}: {violation['help']}: {nodes}")
    page.keyboard.press("Tab")
    check(page.evaluate("document.activeElement.tagName") == "A", f"{scheme}: the first Tab reaches no link")
    context.close()


def refreshes(browser, base):
    page = browser.new_page()
    page.goto(base + "/")
    before = page.inner_text("footer")
    # By itself, without a script.
    page.wait_for_event("load", timeout=60_000)
    check(page.inner_text("footer") != "" and before != "", "it is empty after it has asked again")
    page.click("text=stop that")
    check(page.url.endswith("?refresh=off"), f"the link to stop leads to {page.url}")
    check(page.locator("meta[http-equiv=refresh]").count() == 0, "it cannot be stopped")
    page.close()


def main():
    chromium, address, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    base = f"http://{address}"
    with urlopen(base + "/status.json") as answer:
        check(json.load(answer)["schema"] == 1, "status.json has another schema")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for view in VIEWS:
            look(browser, base, folder, view)
        for scheme in ("light", "dark"):
            rules(browser, base, scheme)
        refreshes(browser, base)
        browser.close()
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    sys.exit(1 if complaints else 0)


main()
