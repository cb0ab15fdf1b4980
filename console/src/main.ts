// The frame: session, navigation by the address's fragment, language.
import { api, Problem, whenExpired } from "./api";
import { h } from "./dom";
import { language, setLanguage, startLanguage, t, type Language } from "./i18n";
import { devicePage } from "./pages/device";
import { devicesPage } from "./pages/devices";
import { eventsPage } from "./pages/events";
import { loginPage } from "./pages/login";
import { overviewPage } from "./pages/overview";
import type { Open, Page, Place } from "./pages/page";
import { policyPage } from "./pages/policy";
import { settingsPage } from "./pages/settings";
import { dropDown } from "./parts/choice";
import { ask, attempt, explain, notice, passwordDialog } from "./parts/dialog";
import { icon, logo } from "./parts/icons";
import type { Session } from "./types";

const places: Place[] = [
  { path: "overview", name: "nav.overview", icon: "overview", open: overviewPage },
  { path: "devices", name: "nav.devices", icon: "devices", open: devicesPage },
  { path: "events", name: "nav.events", icon: "events", open: eventsPage },
  { path: "settings", name: "nav.settings", icon: "settings", open: settingsPage },
];

/** Pages of one thing: "#/devices/d-1". */
const inner: Record<string, Open | undefined> = { devices: devicePage, settings: policyPage };

let session: Session | undefined;
let page: Page | undefined;
let shown = "";

function languageSwitch(): HTMLElement {
  const select = dropDown([["en", "English"], ["ja", "日本語"]], language(), (value) => {
    select.value = language();
    unlessDirty(() => void setLanguage(value as Language).then(show));
  });
  select.setAttribute("aria-label", t("nav.language"));
  select.classList.add("language");
  return select;
}

function go(path: string): void {
  location.hash = `#/${path}`;
}

/** "#/devices/d-1" and "#/events?layer=device" as place and argument. */
function address(): { place: Place; argument: string } {
  const [, path = "", argument = ""] = /^#\/?([a-z]*)[/?]?(.*)$/.exec(location.hash) ?? [];
  return { place: places.find((one) => one.path === path) ?? (places[0] as Place), argument };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand; the manager will not know it
  }
}

function leave(): void {
  page?.leave?.();
  page = undefined;
  document.querySelectorAll("dialog").forEach((element) => element.close());
}

function navigation(current: Place): HTMLElement {
  return h(
    "nav",
    { "aria-label": t("nav.main") },
    ...places.map((place) =>
      h(
        "a",
        { href: `#/${place.path}`, "aria-current": place === current ? "page" : null },
        icon(place.icon),
        h("span", {}, t(place.name)),
      ),
    ),
  );
}

function signOut(): void {
  unlessDirty(() => {
    void attempt(() => api.logout()).then(() => {
      session = undefined;
      forget();
      location.hash = "#/login";
      show();
    });
  });
}

/** From here on leaving loses nothing. */
function forget(): void {
  page = page && { ...page, dirty: () => false };
}

/** GO, after a question when that would lose what was typed. */
function unlessDirty(proceed: () => void): void {
  if (!page?.dirty?.()) return proceed();
  ask(t("policy.leave.title"), t("policy.leave", { name: page.title }), t("policy.discard"), t("policy.leave.stay"), () => {
    forget();
    proceed();
  });
}

function header(current: Place, who: Session): HTMLElement {
  return h(
    "header",
    { class: "top" },
    h("a", { class: "brand", href: "#/overview" }, logo(), h("span", {}, "Sekisho")),
    navigation(current),
    h(
      "div",
      { class: "account" },
      languageSwitch(),
      h(
        "button",
        { type: "button", class: "quiet", title: who.account, "aria-label": `${t("nav.signout")}: ${who.account}`, click: signOut },
        icon("signout"),
        h("span", { class: "wide-only" }, t("nav.signout")),
      ),
    ),
  );
}

function passwordBanner(who: Session): HTMLElement | null {
  if (who.has_password) return null;
  const set = h("button", { type: "button" }, t("password.set"));
  set.addEventListener("click", () => passwordDialog(who.account, () => {
    who.has_password = true;
    banner.remove();
  }));
  const banner = h("div", { class: "banner" }, h("span", {}, t("password.banner")), set);
  return banner;
}

function showLogin(): void {
  const secret = new URLSearchParams(/^#\/?login\?(.*)$/.exec(location.hash)?.[1] ?? "").get("one_time") ?? "";
  if (secret) history.replaceState(null, "", "#/login"); // a used secret has no place in the history
  document.title = `${t("login.title")} · Sekisho`;
  document.body.replaceChildren(loginPage(secret, languageSwitch(), () => void start()));
}

function show(): void {
  leave();
  document.documentElement.lang = language();
  if (!session || location.hash.startsWith("#/login?")) return showLogin();
  const { place, argument } = address();
  const open = (argument && inner[place.path]) || place.open;
  shown = location.hash;
  page = open({ session, argument: place.path === "events" ? argument : decoded(argument), go });
  document.title = `${page.title} · Sekisho`;
  document.body.replaceChildren(
    h("a", { class: "skip", href: "#main", click: skip }, t("app.skip")),
    header(place, session),
    h("main", { id: "main" }, passwordBanner(session), page.element),
  );
}

function skip(event: Event): void {
  event.preventDefault(); // the fragment is the page's address
  document.querySelector<HTMLElement>("main h1")?.focus();
}

async function start(): Promise<void> {
  await startLanguage();
  try {
    session = await api.session();
    if (location.hash.startsWith("#/login")) history.replaceState(null, "", "#/overview");
  } catch (fault) {
    session = undefined;
    if (!(fault instanceof Problem && fault.status === 401)) notice(explain(fault), "bad");
  }
  show();
}

whenExpired(() => {
  if (!session) return;
  if (page?.dirty?.()) return notice(t("policy.expired"), "bad"); // what was typed is not thrown away
  session = undefined;
  show();
});
function turnTo(): void {
  show();
  document.querySelector<HTMLElement>("main h1")?.focus();
  window.scrollTo(0, 0);
}
window.addEventListener("hashchange", () => {
  if (!page?.dirty?.()) return turnTo();
  const wanted = location.hash;
  if (wanted === shown) return;
  history.replaceState(null, "", shown); // the page stays while the question is open
  unlessDirty(() => {
    history.replaceState(null, "", wanted);
    turnTo();
  });
});
window.addEventListener("beforeunload", (event) => {
  if (page?.dirty?.()) event.preventDefault();
});
if (location.hash.startsWith("#/login?")) void startLanguage().then(show);
else void start();
