// The browser's part of test 51. Environment: URL, ONE_TIME, WORK (the device's pipe and output), OUT, CAMERA.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { open } = require("./browser.cjs");

const { URL: url, ONE_TIME: secret, WORK: work, OUT: out, CAMERA: camera } = process.env;
const pictures = process.env.PICTURES; // of every page, to look at by hand
const stamp = () => new Date(Date.now()).toISOString().replace("Z", "000+0000");

function tell(event) {
  fs.appendFileSync(path.join(work, "camera.in"), `event ${JSON.stringify({ timestamp: stamp(), layer: "device", ...event })}\n`);
}

const log = () => fs.readFileSync(path.join(work, "camera.log"), "utf8");

/** The policy in the newest bundle that the device took. */
function bundled() {
  const line = log().split("\n").filter((one) => one.startsWith("file policy.json ")).pop();
  return JSON.parse(line.slice("file policy.json ".length));
}

async function inBundle(what, fits) {
  const end = Date.now() + 5000;
  while (!fits(bundled())) {
    assert.ok(Date.now() < end, `${what} is not in the device's bundle: ${JSON.stringify(bundled())}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

const events = [
  {
    event_type: "integrity", action: "detected", reason: "file modified",
    integrity: {
      change: "modified", path: "/etc/ssh/sshd_config", seen: "realtime", changed: ["content", "mtime"],
      before: { type: "file", mode: "0644", uid: 0, gid: 0, size: 3223, mtime: "2026-01-02T03:04:05.000000+0000", sha256: "a1".repeat(32) },
      after: { type: "file", mode: "0644", uid: 0, gid: 0, size: 3229, mtime: "2026-01-03T03:04:05.000000+0000", sha256: "b2".repeat(32) },
      diff: "@@ -33,1 +33,1 @@\n-PermitRootLogin no\n+PermitRootLogin yes\n",
    },
    process: { pid: 4711, uid: 0, login_uid: 1000, name: "sed", path: "/usr/bin/sed", cmdline: "sed -i s/no/yes/ /etc/ssh/sshd_config" },
  },
  {
    event_type: "log", action: "blocked", reason: "many failed SSH logins from one address", src_ip: "203.0.113.9",
    log: { rule: 1109, level: 10, mitre: "T1110", count: 8, decoder: "sshd", source: "journal", program: "sshd", fields: { src_ip: "203.0.113.9", user: "admin" }, line: "Failed password for admin from 203.0.113.9 port 4022 ssh2", block: { ip: "203.0.113.9", ttl_s: 3600 } },
  },
  {
    event_type: "malware", action: "blocked", reason: "malware found and taken into quarantine",
    malware: { path: "/home/user/eicar.com", name: "Eicar-Test-Signature", engine: "yara", sha256: "c3".repeat(32), size: 68, links: 2, quarantine: "q-000017" },
    process: { pid: 5012, uid: 1000, login_uid: 1000, name: "wget", path: "/usr/bin/wget", state: "gone" },
  },
  {
    event_type: "firewall", action: "blocked", reason: "a firewall rule takes this packet", src_ip: "198.51.100.3", src_port: 51000, dest_ip: "192.0.2.10", dest_port: 23, proto: "TCP",
    firewall: { rule: "no-telnet", direction: "in", mode: "enforce", untold: 7 },
  },
  { event_type: "firewall", action: "detected", reason: "the new rules were not confirmed in time; the old ones are back", firewall: { operation: "rollback" } },
  {
    event_type: "exit", action: "blocked", reason: "this program has not learned this destination", operation: "connect", name: "collector.example",
    src_ip: "192.0.2.10", src_port: 40000, dest_ip: "198.51.100.77", dest_port: 443, proto: "TCP",
    process: { pid: 99, uid: 33, name: "updater", path: "/usr/bin/updater", sha256: "d4".repeat(32), cmdline: "updater --now" },
  },
  { event_type: "tamper", action: "blocked", reason: "signal to the agent refused: kill (4242), user 0", process: { pid: 4242, uid: 0, path: "/usr/bin/kill" } },
];

const rows = (page, text) => page.locator("table.events tbody tr", { hasText: text });
const field = (page, label) => page.getByLabel(label, { exact: true });

async function picture(page, name) {
  if (!pictures) return;
  await page.waitForTimeout(150);
  await page.screenshot({ path: path.join(out, `policy-${name}.png`), fullPage: true });
}

async function save(page) {
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The policy is in force.").last().waitFor();
  await page.getByRole("button", { name: "Save", disabled: true }).waitFor();
}

async function section(page, name) {
  await page.goto(`${url}/#/settings/${name}`);
  await page.locator(".policy form .field, .policy form .rule").first().waitFor();
}

/** Found from the list of sections by the keyboard's way: a link, fields with labels, a button. */
async function integrity(page) {
  await page.getByRole("link", { name: "Protection", exact: true }).click();
  await page.getByRole("link", { name: "Settings: File integrity" }).click();
  await page.getByRole("heading", { name: "File integrity" }).waitFor();
  await field(page, "Watched folders and files").fill("/etc\n/opt/app\n");
  await field(page, "Changes told one by one in 10 seconds").fill("0");
  await field(page, "Secret files, whose text is never shown").fill("*.key\n*.kdbx");
  await page.getByRole("button", { name: "Save" }).click();
  const rate = field(page, "Changes told one by one in 10 seconds");
  await page.getByText("A whole number from 1 to 100000 is expected.").waitFor();
  assert.equal(await rate.getAttribute("aria-invalid"), "true");
  assert.ok(await rate.evaluate((one) => one === document.activeElement), "the wrong field has the focus");
  assert.match(await page.locator(`[id="${(await rate.getAttribute("aria-describedby")).split(" ").pop()}"]`).textContent(), /from 1 to 100000/);
  await rate.fill("25");
  await save(page);
  await inBundle("integrity", ({ integrity: now }) =>
    now.rate === 25 && now.paths.join() === "/etc,/opt/app" && now.secret.join() === "*.key,*.kdbx" && now.schedule_s === 86400);
  await field(page, "Secret files, whose text is never shown").fill("");
  await save(page);
  await inBundle("the default of a list", ({ integrity: now }) => !("secret" in now) && now.rate === 25);
}

/** What the manager refuses is shown at the field that it names. */
async function exitControl(page) {
  await section(page, "exit");
  await page.getByRole("group", { name: "Destinations that a program has not learned" }).getByLabel("Refuse").check();
  await field(page, "Permissions for all devices").fill("* 443/tcp updates.example /usr/bin/updater\n* 99999/tcp updates.example /usr/bin/updater");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Line 2: expected PORT/PROTOCOL second").waitFor();
  assert.equal(bundled().exit.default, "allow");
  await picture(page, "refused");
  await field(page, "Permissions for all devices").fill("* 443/tcp updates.example /usr/bin/updater");
  await save(page);
  await inBundle("exit", ({ exit }) => exit.default === "deny" && exit.destinations.length === 1 && exit.quic === "allow");
}

async function firewall(page) {
  await section(page, "firewall");
  await page.getByRole("group", { name: "Mode" }).getByLabel("Enforce").check();
  await page.getByRole("group", { name: "Incoming packets that no rule takes" }).getByLabel("Drop").check();
  await page.getByRole("button", { name: "Add a set" }).click();
  await field(page, "Name of the set").fill("office");
  await field(page, "Addresses").fill("192.0.2.0/24\n2001:db8::/32");
  await page.getByRole("button", { name: "Add a rule" }).click();
  await page.locator(".rule").last().getByLabel("Name", { exact: true }).fill("ssh");
  await page.locator(".rule").last().getByLabel("Protocol").selectOption("tcp");
  await page.locator(".rule").last().getByLabel("Destination ports").fill("22, 8000 - 8100");
  await page.locator(".rule").last().getByLabel("Addresses of the other side").fill("set:home");
  await page.getByRole("button", { name: "Add a rule" }).click();
  await page.locator(".rule").last().getByLabel("Name", { exact: true }).fill("no-telnet");
  await page.locator(".rule").last().getByLabel("Action").selectOption("drop");
  await page.locator(".rule").last().getByLabel("Destination ports").fill("23");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("There is no set “home”.").waitFor();
  await page.getByText("TCP or UDP is expected, because ports are named.").waitFor();
  await picture(page, "firewall-wrong");
  await page.locator(".rule").first().getByLabel("Addresses of the other side").fill("set:office\n198.51.100.7");
  await page.locator(".rule").last().getByLabel("Protocol").selectOption("tcp");
  await page.locator(".rule").last().getByRole("button", { name: "Move up" }).press("Enter");
  await save(page);
  await inBundle("firewall", ({ firewall: now }) => now.mode === "enforce" && now.default_in === "drop" && now.rules?.length === 2);
  assert.deepEqual(bundled().firewall, {
    mode: "enforce", default_in: "drop", sets: { office: ["192.0.2.0/24", "2001:db8::/32"] },
    rules: [
      { name: "no-telnet", direction: "in", action: "drop", proto: "tcp", ports: [23] },
      { name: "ssh", direction: "in", action: "accept", proto: "tcp", addresses: ["set:office", "198.51.100.7"], ports: [22, "8000-8100"] },
    ],
  });
  await section(page, "entry");
  await section(page, "firewall");
  await page.locator(".rule").nth(1).getByText("Incoming · Accept · TCP 22, 8000-8100 · set:office, 198.51.100.7").waitFor();
  await page.getByText("For experts: as JSON").click();
  await page.waitForFunction(() => document.querySelector(".expert textarea").value);
  const json = JSON.parse(await field(page, "JSON").inputValue());
  assert.equal(json.rules.length, 2);
  json.rules.pop();
  await field(page, "JSON").fill(JSON.stringify(json));
  await page.getByRole("button", { name: "Take over" }).click();
  assert.equal(await page.locator(".rule").count(), 1);
}

/** Leaving a page with changes asks first, whichever way one goes. */
async function unsaved(page) {
  const question = page.getByRole("dialog", { name: "Discard the changes?" });
  await page.getByRole("link", { name: "Overview", exact: true }).click();
  await question.getByRole("button", { name: "Keep editing" }).click();
  assert.match(page.url(), /#\/settings\/firewall$/);
  assert.equal(await page.locator(".rule").count(), 1);
  await page.getByLabel("Language").selectOption("ja");
  await question.waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.getByLabel("Language").inputValue(), "en");
  await page.getByRole("link", { name: "Overview", exact: true }).click();
  await question.getByRole("button", { name: "Discard" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await section(page, "firewall");
  assert.equal(await page.locator(".rule").count(), 2);
}

/** A session that ends meanwhile takes nothing away that was typed. */
async function expired(page) {
  await section(page, "fleet");
  await field(page, "Silent after (seconds)").fill("120");
  await page.getByText("2 minutes").waitFor();
  const cookies = await page.context().cookies();
  await page.context().clearCookies();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The session has ended.").waitFor();
  await page.context().addCookies(cookies);
  await save(page);
  await inBundle("fleet", ({ fleet }) => fleet.silence_s === 120);
}

async function kinds(page) {
  await page.goto(`${url}/#/events`);
  for (const text of [
    "Changed: /etc/ssh/sshd_config", "many failed SSH logins from one address", "Eicar-Test-Signature in /home/user/eicar.com",
    "Firewall rule “no-telnet”", "the old ones are back", "updater to collector.example (198.51.100.77:443)", "signal to the agent refused",
  ])
    await rows(page, text).first().waitFor();
  await rows(page, "sshd_config").getByRole("button").click();
  const drawer = page.getByRole("dialog");
  for (const text of ["+PermitRootLogin yes", "Logged in as", "content, time", "sed -i"]) await drawer.getByText(text).first().waitFor();
  await picture(page, "event-integrity");
  await page.keyboard.press("Escape");
  await rows(page, "Eicar").getByRole("button").click();
  await drawer.getByText("sekisho-agent malware restore q-000017").waitFor();
  await drawer.getByText("The program had ended").waitFor();
  await page.keyboard.press("Escape");
}

async function devicePage(page) {
  await page.goto(`${url}/#/devices/${camera}`);
  const card = page.locator("table.protection");
  await card.getByRole("row", { name: /Self-protection Partial no BPF LSM/ }).waitFor();
  await page.getByText("8 parts that work or are switched off").click();
  await card.getByRole("row", { name: "Entry: virtual patches Full nft queue, 2 patched ports" }).waitFor();
  await card.getByRole("row", { name: /Firewall Full Waits for its confirmation/ }).waitFor();
  await card.getByRole("row", { name: "Malware Off off by policy" }).waitFor();
  await page.getByRole("button", { name: "Open a maintenance window" }).click();
  const box = page.getByRole("dialog", { name: "Maintenance window" });
  await box.getByLabel("For", { exact: true }).selectOption("3600");
  await box.getByLabel("Program that may install too").fill("/usr/bin/installer");
  await box.getByRole("button", { name: "Open" }).click();
  await page.getByText("The device was asked.").waitFor();
  const asked = /^command (.*"maintenance".*)$/m.exec(log());
  assert.deepEqual(JSON.parse(asked[1]), { type: "command", name: "maintenance", seconds: 3600, updater: "/usr/bin/installer" });
  tell({ event_type: "lockdown", action: "allowed", reason: "a maintenance window opens", lockdown: { operation: "maintenance", seconds: 3600, updater: "/usr/bin/installer" } });
  await page.getByText(/^Maintenance window open until \d\d:\d\d$/).waitFor();
  await rows(page, "Maintenance window: 1 hour").waitFor();
  await picture(page, "device");
}

async function japanese(page) {
  await page.getByLabel("Language").selectOption("ja");
  await page.getByText("「root」のパスワードが、広く知られた工場出荷時のままです").waitFor();
  await page.getByText("lighttpdがすべてのインターフェースで待ち受けています（tcp/80）").waitFor();
  assert.equal(await page.getByText("something that this console does not know").getAttribute("lang"), "en");
  await page.getByText("通信先：学習。ポート：許可。学習12件、ポリシー0件。bind()のないlisten()は検知できません").waitFor();
  await rows(page, "メンテナンス時間：1 時間").waitFor();
  await rows(page, "このプログラムが学習していない通信先です").waitFor();
  await rows(page, "1つのアドレスから、SSHログインの失敗が多数").waitFor();
  await picture(page, "device-ja");
  await section(page, "exit"); // what the manager refuses, in words too
  const permissions = field(page, "すべてのデバイスへの許可");
  const before = await permissions.inputValue();
  await permissions.fill(`${before}\n* 99999/tcp updates.example /usr/bin/updater`);
  await page.getByRole("button", { name: "保存" }).click();
  await page.getByText("2行目：2番目に、ポートかany、続けてtcp、udp、raw、anyのいずれかが必要です").waitFor();
  await permissions.fill(before);
  await page.getByRole("button", { name: "保存", disabled: true }).waitFor();
}

/** Every page of the policy fits a phone, in both languages. */
async function phone(page) {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const language of ["ja", "en"]) {
    await page.getByLabel(/Language|言語/).selectOption(language);
    for (const place of ["settings", "settings/firewall", "settings/exit", "settings/integrity", "settings/malware", `devices/${camera}`]) {
      await page.goto(`${url}/#/${place}`);
      await page.locator(".policy form .field, .mode, table.protection").first().waitFor();
      if (place.endsWith("firewall")) await page.locator(".rule summary").first().click();
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 390, `${place} is ${wide} wide on a phone of 390`);
      await picture(page, `phone-${language}-${place.split("/")[0] === "devices" ? "device" : place.replace("/", "-")}`);
    }
  }
}

async function main() {
  fs.mkdirSync(out, { recursive: true });
  const { browser, page, faults } = await open();
  try {
    for (const event of events) tell(event);
    await page.goto(`${url}/#/login?one_time=${encodeURIComponent(secret)}`);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await integrity(page);
    await exitControl(page);
    await firewall(page);
    await unsaved(page);
    await expired(page);
    await kinds(page);
    await devicePage(page);
    await japanese(page);
    if (pictures)
      for (const language of ["ja", "en"]) {
        await page.getByLabel(/Language|言語/).selectOption(language);
        for (const place of ["settings", "settings/firewall", "settings/exit", "settings/integrity", "settings/inside"]) {
          await page.goto(`${url}/#/${place}`);
          await page.locator(".policy form .field, .mode").first().waitFor();
          await picture(page, `${language}-${place.replace("/", "-")}`);
        }
      }
    await phone(page);
    assert.deepEqual(faults.filter((one) => !/status of 400/.test(one)), [], "faults in the browser's console");
  } catch (fault) {
    await page.screenshot({ path: path.join(out, "policy-failed.png") }).catch(() => {});
    throw fault;
  } finally {
    await browser.close();
  }
}

main().catch((fault) => {
  console.error(fault);
  process.exit(1);
});
