// Sign in with account and password, or with the manager's one-time login (also from its link).
import { api } from "../api";
import { h } from "../dom";
import { t } from "../i18n";
import { explain, field } from "../parts/dialog";
import { logo } from "../parts/icons";

interface Form {
  element: HTMLElement;
  fault: HTMLElement;
  busy: (on: boolean) => void;
}

function form(inputs: HTMLElement[], submit: () => Promise<unknown>, done: () => void): Form {
  const fault = h("p", { class: "fault", role: "alert" });
  const button = h("button", { class: "primary" }, t("login.submit"));
  const busy = (on: boolean): void => {
    button.disabled = on;
    button.textContent = t(on ? "login.busy" : "login.submit");
  };
  const element = h("form", {}, ...inputs, fault, button);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    fault.textContent = "";
    busy(true);
    submit()
      .then(done)
      .catch((problem: unknown) => {
        fault.textContent = explain(problem);
        busy(false);
      });
  });
  return { element, fault, busy };
}

function passwordForm(done: () => void): Form {
  const account = h("input", { name: "account", autocomplete: "username", autocapitalize: "none", required: true });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  return form(
    [field(t("login.account"), account), field(t("login.password"), password)],
    () => api.login({ account: account.value.trim(), password: password.value }),
    done,
  );
}

function oneTimeForm(secret: string, done: () => void): Form {
  const input = h("input", {
    name: "one_time", type: "password", autocomplete: "one-time-code", spellcheck: "false", required: true, value: secret,
  });
  return form(
    [field(t("login.onetime"), input, t("login.onetime.hint"))],
    () => api.login({ one_time: input.value.trim() }),
    done,
  );
}

/** SECRET comes from the link's fragment, which the browser sends nowhere; with it, sign in at once. */
export function loginPage(secret: string, languageSwitch: HTMLElement, done: () => void): HTMLElement {
  let oneTime = secret !== "";
  const place = h("div", {});
  const other = h("button", { type: "button", class: "link" });
  const show = (): Form => {
    const shown = oneTime ? oneTimeForm(secret, done) : passwordForm(done);
    place.replaceChildren(shown.element);
    other.textContent = t(oneTime ? "login.use.password" : "login.use.onetime");
    shown.element.querySelector("input")?.focus();
    return shown;
  };
  other.addEventListener("click", () => {
    oneTime = !oneTime;
    show();
  });
  const page = h(
    "main",
    { class: "login" },
    h(
      "div",
      { class: "card" },
      h("div", { class: "brand" }, logo(), h("div", {}, h("h1", {}, "Sekisho"), h("p", {}, t("app.tagline")))),
      place,
      other,
    ),
    languageSwitch,
  );
  const shown = show();
  if (secret) queueMicrotask(() => (shown.element as HTMLFormElement).requestSubmit());
  else requestAnimationFrame(() => page.querySelector("input")?.focus());
  return page;
}
