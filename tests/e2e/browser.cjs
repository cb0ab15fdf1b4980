// A headless Chromium that talks to nobody but the manager, and reports what goes wrong in the page:
// scripts that fail, and anything that the content security policy refused.
const path = require("node:path");
const { chromium } = require(path.join(__dirname, "../../console/node_modules/playwright-core"));

const options = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

async function open(context = {}) {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: options });
  const faults = [];
  const page = await (
    await browser.newContext({
      ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 }, locale: "en-GB", colorScheme: "light", ...context,
    })
  ).newPage();
  page.setDefaultTimeout(10000);
  page.on("pageerror", (fault) => faults.push(String(fault)));
  page.on("console", (message) => {
    // A refused login is the manager's answer, not a fault of the page.
    if (message.type() === "error" && !/status of (401|404)/.test(message.text())) faults.push(message.text());
  });
  return { browser, page, faults };
}

module.exports = { open };
