// What every page does: dialogs by name, one submit per press, the lost-connection banner, toasts, the narrow menu.
const root = document.documentElement;
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");

// --- dialogs, menus, keys -------------------------------------------------
const navigation = (open) => {
  open ? root.setAttribute("data-nav", "open") : root.removeAttribute("data-nav");
  const button = document.querySelector("[data-nav-button]");
  button?.setAttribute("aria-expanded", String(open));
  if (open) document.querySelector(".rail a")?.focus();
};

addEventListener("click", (event) => {
  const target = event.target;
  const opener = target.closest("[data-opens]");
  if (opener) {
    opener.closest("[popover]")?.hidePopover();
    document.getElementById(opener.dataset.opens)?.showModal();
  }
  target.closest("[data-closes]")?.closest("dialog")?.close();
  if (target.matches("dialog.dialog")) target.close(); // the backdrop belongs to the dialog
  if (target.closest("[data-nav-button]")) navigation(root.getAttribute("data-nav") !== "open");
  else if (target.closest(".rail-shade")) navigation(false);
  target.closest("[data-dismiss]")?.closest(".toast")?.remove();
});

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && root.getAttribute("data-nav") === "open") {
    navigation(false);
    document.querySelector("[data-nav-button]")?.focus();
  }
  if (event.key === "?" && !typing(event.target) && !document.querySelector("dialog:modal")) {
    document.getElementById("keyboard-help")?.showModal();
  }
});

// --- one press, one submit ------------------------------------------------
const buttonsOf = (form) => [...form.elements].filter((element) => element.type === "submit");
const release = (form) => {
  delete form.dataset.sending;
  for (const button of buttonsOf(form)) {
    button.removeAttribute("aria-busy");
    button.removeAttribute("aria-disabled");
  }
};

const hold = (form, presser) => {
  form.dataset.sending = "yes";
  // aria-disabled, not disabled: the button's own value must still travel and the focus stay.
  for (const button of buttonsOf(form)) button.setAttribute("aria-disabled", "true");
  (presser ?? buttonsOf(form)[0])?.setAttribute("aria-busy", "true");
};

addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.matches("[hx-post], [hx-put], [hx-patch], [hx-delete]")) return;
  if (form.dataset.sending) event.preventDefault();
  else hold(form, event.submitter);
});
addEventListener("htmx:beforeRequest", (event) => {
  const form = event.target;
  if (form.tagName !== "FORM" || event.detail.requestConfig.verb === "get") return;
  if (form.dataset.sending) event.preventDefault();
  else hold(form, event.detail.requestConfig.triggeringEvent?.submitter);
});
addEventListener("htmx:afterRequest", (event) => {
  if (event.target.tagName === "FORM") release(event.target);
});
addEventListener("pageshow", (event) => {
  if (event.persisted) document.querySelectorAll("form[data-sending]").forEach(release);
});

// --- a lost connection ----------------------------------------------------
const lost = () => document.getElementById("lost-connection");
const say = (isLost) => { if (lost()) lost().hidden = !isLost; };
let failed = null;

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  addEventListener(name, (event) => { failed = event.detail; say(true); });
}
addEventListener("offline", () => say(true));
addEventListener("htmx:beforeOnLoad", () => say(false));
const retry = async () => {
  try {
    await fetch(location.href, { method: "HEAD", cache: "no-store" });
  } catch {
    return;
  }
  say(false);
  const request = failed?.requestConfig;
  failed = null;
  // Only reading is repeated by itself; a change is sent again by the person who made it.
  if (request?.verb === "get" && document.contains(request.elt)) {
    window.htmx.ajax("get", request.path, { source: request.elt, target: request.target, values: request.parameters });
  }
};
addEventListener("online", retry);
addEventListener("click", (event) => { if (event.target.closest("[data-retry]")) retry(); });

// --- answers that are no fragment ------------------------------------------------
addEventListener("htmx:beforeSwap", (event) => {
  const login = document.body.dataset.login;
  const landed = new URL(event.detail.xhr.responseURL || location.href, location.href).pathname;
  if (!login || landed !== login || location.pathname === login) return;
  event.preventDefault();
  location.assign(`${login}?next=${encodeURIComponent(location.pathname + location.search)}`);
});
addEventListener("htmx:responseError", (event) => {
  const blank = document.getElementById("toast-template");
  const toast = blank?.content.firstElementChild.cloneNode(true);
  if (!toast) return;
  const busy = event.detail.xhr.status === 429;
  toast.querySelector(".toast__text").textContent = busy
    ? "Too many requests at once. Wait a moment and try again."
    : "That did not work. Nothing was changed; try again or reload the page.";
  document.getElementById("toasts").append(toast);
});

// --- toasts: good news leaves by itself, trouble stays ----------------------
const STAY = 10000;
const dismissLater = (toast) => {
  const go = () => toast.matches(":hover, :focus-within") ? setTimeout(go, 2000) : toast.remove();
  setTimeout(go, STAY);
};
const watchToasts = () => {
  for (const toast of document.querySelectorAll(".toast[data-fades]:not([data-watched])")) {
    toast.dataset.watched = "yes";
    dismissLater(toast);
  }
};
addEventListener("htmx:afterSettle", watchToasts);
watchToasts();
