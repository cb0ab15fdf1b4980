// The browser's part of the end-to-end test; the shell script beside it starts manager and devices.
// Environment: URL, ONE_TIME, WORK (where the devices' pipes are), OUT, CAMERA or ALTERED.
const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { open } = require("./browser.cjs");

const { URL: url, ONE_TIME: secret, WORK: work, OUT: out, CAMERA: camera, ALTERED: altered } = process.env;
const password = "a long test password";
let events = 0;

/** Have a device's real client send an event. */
function tell(device, event) {
  const at = new Date(Date.now()).toISOString().replace("Z", "000+0000");
  events++;
  fs.appendFileSync(path.join(work, `${device}.in`), `event ${JSON.stringify({ timestamp: at, ...event })}\n`);
}

const exploit = (text, from) => ({
  event_type: "alert", layer: "device", action: "blocked", src_ip: from, src_port: 40112, dest_ip: "192.0.2.10",
  dest_port: 8088, proto: "TCP",
  alert: { signature_id: 9106271, signature: text, category: "Attempted Administrator Privilege Gain", severity: 1, action: "blocked" },
});
const shellshock = "SEKISHO Shellshock function definition in an HTTP request";
const background = [
  ["camera", exploit("SEKISHO Boa authentication bypass", "203.0.113.77")],
  ["gate", { ...exploit("SEKISHO Realtek SDK command injection", "203.0.113.5"), layer: "network" }],
  ["camera", {
    event_type: "exit", layer: "device", action: "blocked", src_ip: "192.0.2.10", dest_ip: "198.51.100.66", dest_port: 443, proto: "TCP",
    indicator: { type: "ip", value: "198.51.100.66", source: "threat list", reason: "command and control", confidence: 100 },
    process: { pid: 812, path: "/usr/bin/updater", sha256: "c2".repeat(32), cmdline: "updater --daemon" },
    reason: "connection to a listed address",
  }],
  ["camera", {
    event_type: "lockdown", layer: "device", action: "blocked", reason: "not registered",
    lockdown: { mode: "enforce", operation: "execute", kind: "elf", path: "/tmp/dropper", sha256: "7f".repeat(32) },
    process: { pid: 977, path: "/usr/bin/bash" },
  }],
  ["gate", {
    event_type: "quarantine", layer: "network", action: "quarantined", src_ip: "192.0.2.31", score: 120,
    reasons: [{ id: "scan", text: "tries many addresses on port 23", count: 41 }, { id: "refused", text: "most attempts are refused", count: 38 }],
    reason: "the device behaves as if it were infected",
  }],
  ["sensor", { event_type: "reputation", layer: "device", action: "detected", dest_ip: "198.51.100.9", reason: "listed destination" }],
  ["gate", {
    event_type: "attacker", layer: "network", action: "blocked", src_ip: "203.0.113.5",
    attacker: { ip: "203.0.113.5", ttl_s: 3600, reason: "probed 6 closed ports" }, reason: "probed 6 closed ports",
  }],
];

const rows = (page, text) => page.locator("table.events tbody tr", { hasText: text });

async function signIn(page) {
  await page.goto(url);
  await page.getByLabel("Account").waitFor();
  await page.screenshot({ path: path.join(out, "sign-in.png") });
  await page.getByRole("button", { name: "Use a one-time login instead" }).click();
  await page.getByLabel("One-time login").fill("not the right one");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("wrong, used or expired").waitFor();
  await page.getByLabel("One-time login").fill(secret);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
}

/** A one-time login leads to a password of one's own, which then works. */
async function setPassword(page) {
  await page.getByRole("button", { name: "Set a password" }).click();
  await page.getByLabel("New password").fill(password);
  await page.getByLabel("Repeat it").fill(password);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The password is set.").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Account").fill("admin");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Set a password" }).count(), 0);
}

async function liveEvent(page) {
  await page.getByRole("link", { name: "Events", exact: true }).click();
  await page.locator(".link-state.live").waitFor();
  const start = Date.now();
  tell("camera", exploit(shellshock, "203.0.113.5"));
  await rows(page, shellshock).first().waitFor({ timeout: 5000 });
  const took = Date.now() - start;
  console.log(`from the device to the page: ${took} ms`);
  assert.ok(took <= 1000, `the event needed ${took} ms, at most 1000 expected`);
}

async function filters(page) {
  await page.getByLabel("Layer").selectOption("network");
  await rows(page, "Realtek").waitFor();
  assert.equal(await rows(page, shellshock).count(), 0, "layer filter");
  await page.getByLabel("Layer").selectOption("");
  await page.getByLabel("Action").selectOption("quarantined");
  await rows(page, "infected").waitFor();
  assert.equal(await page.locator("table.events tbody tr").count(), 1, "action filter");
  await page.getByLabel("Action").selectOption("");
  await page.getByLabel("Text").fill("DROPPER");
  await rows(page, "/tmp/dropper").waitFor();
  await page.waitForFunction(() => document.querySelectorAll("table.events tbody tr").length === 1);
  await page.getByRole("button", { name: "Clear filters" }).click();
  await rows(page, shellshock).waitFor();
}

async function pauseAndDetails(page) {
  await page.getByRole("button", { name: "Pause" }).click();
  tell("gate", { ...exploit("SEKISHO while paused <img src=x onerror=alert(1)>", "203.0.113.8"), layer: "network" });
  await page.getByText("Paused, 1 new").waitFor();
  assert.equal(await rows(page, "while paused").count(), 0);
  await page.getByRole("button", { name: "Resume" }).click();
  await rows(page, "while paused <img src=x").waitFor(); // data is shown as text
  await rows(page, "198.51.100.66").getByRole("button").focus();
  await page.keyboard.press("Enter");
  const drawer = page.getByRole("dialog");
  for (const text of ["/usr/bin/updater", "c2".repeat(32), "command and control", "threat list"])
    await drawer.getByText(text).first().waitFor();
  await drawer.getByText("Audit record").waitFor();
  await page.screenshot({ path: path.join(out, "event-detail.png") });
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("dialog").count(), 0);
}

async function devicePage(page) {
  await page.getByRole("link", { name: "Devices", exact: true }).click();
  await page.getByRole("searchbox").fill("gateway");
  await page.waitForFunction(() => document.querySelectorAll("table.devices tbody tr").length === 1);
  await page.getByRole("searchbox").fill("camera");
  await page.getByRole("link", { name: "camera" }).click();
  await page.getByRole("heading", { name: "camera" }).waitFor();
  const finding = page.getByRole("row", { name: /CVE-2014-6271/ }).first();
  await finding.getByText("SEK-2014-6271").waitFor();
  await finding.getByText("in force").waitFor();
  await finding.getByText("Critical").waitFor();
  await page.getByRole("searchbox").fill("bash");
  await page.getByRole("row", { name: /bash 4\.2-1 Debian:12/ }).waitFor();
  await page.getByText("Enforced").waitFor();
  await rows(page, shellshock).first().waitFor();
  await page.getByRole("button", { name: "Withdraw" }).click();
  await finding.getByText("withdrawn").waitFor();
  await page.getByText("0 of 1 covered").waitFor();
  await page.getByRole("button", { name: "Put in force" }).click();
  await finding.getByText("in force").waitFor();
}

/** The dialog's token is a real one: the command that it shows enrols a device. */
async function enrolment(page) {
  await page.getByRole("link", { name: "Devices", exact: true }).click();
  await page.getByRole("button", { name: "Add a device" }).click();
  await page.getByRole("dialog").getByLabel("Note").fill("new camera");
  await page.getByRole("button", { name: "Make token" }).click();
  const command = await page.getByLabel("Command").textContent();
  await page.screenshot({ path: path.join(out, "enrolment.png") });
  const [, manager, token] = /enrol --manager (\S+) --token (skt1\.\S+)$/.exec(command);
  execFileSync(`${process.env.BUILD}/tests/device`, [path.join(work, "newcomer"), "enrol", manager, token, "agent", "newcomer"]);
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: "newcomer" }).waitFor();
}

async function protection(page) {
  await page.getByRole("link", { name: "Protection", exact: true }).click();
  await page.getByLabel("Value").fill("malware.example");
  await page.getByLabel("Type").selectOption("domain");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("cell", { name: "account:admin" }).waitFor();
  await page.getByRole("button", { name: "Remove malware.example" }).click();
  await page.getByRole("button", { name: "Remove malware.example" }).waitFor({ state: "detached" });
  await page.getByRole("group", { name: "Exit" }).getByLabel("Detect").check();
  await page.getByText("The policy is in force.").waitFor();
  await page.screenshot({ path: path.join(out, "protection.png") });
}

async function overviewBothLanguages(page) {
  await page.getByRole("link", { name: "Overview", exact: true }).click();
  await page.getByText("attacks stopped in the last 24 hours").waitFor();
  assert.ok(Number(await page.locator("[data-stopped]").getAttribute("data-stopped")) >= 8);
  await page.getByRole("button", { name: "Verify all records" }).click();
  await page.getByText(`Intact: all ${events} records`).waitFor();
  await page.getByLabel("Language").selectOption("ja");
  await page.getByRole("heading", { name: "最近遮断した攻撃" }).waitFor();
  assert.equal(await page.getAttribute("html", "lang"), "ja");
  await page.getByLabel("言語").selectOption("en");
}

async function otherLooks(page) {
  await page.emulateMedia({ colorScheme: "dark" });
  await page.locator(".overview .chart").waitFor();
  await page.locator("tbody tr:visible").first().waitFor();
  await page.screenshot({ path: path.join(out, "overview-dark.png") });
  await page.setViewportSize({ width: 390, height: 844 });
  for (const place of ["overview", "devices", "events", `devices/${camera}`]) {
    await page.goto(`${url}/#/${place}`);
    await page.locator("tbody tr:visible").first().waitFor();
    if (place === "overview") await page.waitForFunction(() => document.querySelector(".chart").viewBox.baseVal.width < 390);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 390, `${place} is ${wide} wide on a phone of 390`);
    await page.screenshot({ path: path.join(out, `phone-${place.split("/").length > 1 ? "device" : place}.png`) });
  }
}

async function alteredRecord(page) {
  await page.goto(`${url}/#/login?one_time=${secret}`);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  assert.ok(!page.url().includes(secret), "the used secret is still in the address");
  await page.getByRole("button", { name: "Verify all records" }).click();
  await page.getByText(`Altered: record ${altered} is the first`).waitFor();
  await page.locator(".verdict").screenshot({ path: path.join(out, "audit-altered.png") });
}

async function main() {
  fs.mkdirSync(out, { recursive: true });
  const { browser, page, faults } = await open();
  try {
    if (altered) {
      await alteredRecord(page);
    } else {
      for (const [device, event] of background) tell(device, event);
      await signIn(page);
      await setPassword(page);
      await liveEvent(page);
      await filters(page);
      await pauseAndDetails(page);
      await devicePage(page);
      await enrolment(page);
      await protection(page);
      await overviewBothLanguages(page);
      await otherLooks(page);
    }
    assert.deepEqual(faults, [], "faults in the browser's console");
  } catch (fault) {
    await page.screenshot({ path: path.join(out, "failed.png") }).catch(() => {});
    throw fault;
  } finally {
    await browser.close();
  }
}

main().catch((fault) => {
  console.error(fault);
  process.exit(1);
});
