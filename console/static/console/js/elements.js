// Small custom elements: <time-ago>, <copy-button>, <scan-input>, <print-button>, <row-list>, <confirm-dialog>.

// --- <time-ago><time datetime="…">…</time></time-ago>: the same words as the server's `when` tag, kept fresh ------
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const relative = (seconds) => {
  const size = Math.abs(seconds);
  if (size >= DAY) return null;
  if (size < MINUTE) return seconds < 0 ? "in under a minute" : "just now";
  const words = size < HOUR ? `${Math.floor(size / MINUTE)} min` : `${Math.floor(size / HOUR)} h`;
  return seconds < 0 ? `in ${words}` : `${words} ago`;
};

class TimeAgo extends HTMLElement {
  static shown = new Set();
  static timer = null;

  connectedCallback() {
    TimeAgo.shown.add(this);
    TimeAgo.timer ??= setInterval(() => { for (const element of TimeAgo.shown) element.refresh(); }, 20000);
  }

  disconnectedCallback() { TimeAgo.shown.delete(this); }

  refresh() {
    const time = this.querySelector("time");
    const text = relative((Date.now() - Date.parse(time?.dateTime)) / 1000);
    const past = text ?? time?.dataset.absolute;
    if (past && time.textContent !== past) time.textContent = past;
  }
}

// --- <copy-button value="…"><button>…</button></copy-button> -------------------------------------------------
class CopyButton extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", () => this.copy());
  }

  async copy() {
    await navigator.clipboard.writeText(this.getAttribute("value"));
    const button = this.querySelector("button");
    const label = button.getAttribute("aria-label");
    button.dataset.done = "yes";
    button.setAttribute("aria-label", "Copied");
    setTimeout(() => { delete button.dataset.done; button.setAttribute("aria-label", label); }, 1500);
  }
}

// --- <scan-input><form>…<input></form></scan-input>: a scanner is a keyboard that types fast and presses Enter ----
// One code at a time is asked for, and none is lost: what is scanned meanwhile waits for its turn.
class ScanInput extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input:not([type=hidden])");
    this.waiting = [];
    const fingers = matchMedia("(pointer: coarse)").matches && !this.hasAttribute("eager");
    if (!fingers && !document.querySelector("[autofocus]")) this.input.focus({ preventScroll: true });
    this.addEventListener("submit", (event) => this.queue(event), true);
    this.input.addEventListener("input", () => this.pause());
    this.addEventListener("htmx:configRequest", () => this.asked());
    this.addEventListener("htmx:afterRequest", ({ detail }) => this.answered(detail.successful && detail.xhr.status < 400));
    // A scan meant for the box must not get lost because the focus was elsewhere.
    this.wedge = (event) => {
      const free = !event.target.closest("input, textarea, select, button, a, dialog, [contenteditable]");
      if (free && event.key.length === 1 && event.key !== "/" && event.key !== "?" && !event.ctrlKey && !event.metaKey && !event.altKey) {
        this.input.focus();
      }
    };
    document.addEventListener("keydown", this.wedge);
  }

  disconnectedCallback() { document.removeEventListener("keydown", this.wedge); }

  // Whoever types words stops now and then, and may be shown what is like them ("words"). A scanner does not.
  pause() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { if (this.input.value.trim()) this.dispatchEvent(new Event("words")); }, 300);
  }

  queue(event) {
    // Between one answer and the next in line a fast scanner must not overtake.
    if (this.turn || (this.code === undefined && !this.waiting.length)) return;
    event.preventDefault();
    event.stopPropagation();
    if (this.input.value) this.waiting.push(this.input.value);
    this.input.value = "";
  }

  asked() {
    clearTimeout(this.timer);
    this.code = this.input.value;
    this.input.value = "";
  }

  answered(good) {
    this.dataset.flash = good ? "good" : "bad";
    navigator.vibrate?.(good ? 40 : [60, 60, 60]);
    setTimeout(() => delete this.dataset.flash, 600);
    const asked = this.code;
    this.code = undefined;
    const elsewhere = document.activeElement?.closest("input, textarea, select, dialog");
    if (!elsewhere || elsewhere === this.input) this.input.focus();
    if (this.waiting.length) setTimeout(() => this.next()); // once everybody has heard that this one is over
    else if (!good && !this.input.value) {
      this.input.value = asked;
      this.input.select();
    }
  }

  next() {
    const typing = this.input.value;
    this.input.value = this.waiting.shift();
    this.turn = true;
    this.querySelector("form").requestSubmit();
    this.turn = false;
    this.input.value = typing;
  }
}

// --- <print-button><button>…</button></print-button> ------------------------------------------------------------
class PrintButton extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", () => print());
  }
}

// --- <row-list>: j and k (or the arrows, inside it) walk the rows' links; Enter opens, being a link ----------------
class RowList extends HTMLElement {
  connectedCallback() {
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
  }

  disconnectedCallback() { document.removeEventListener("keydown", this.keys); }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog:modal")) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const inside = this.contains(event.target);
    if (!inside && document.querySelector("row-list") !== this) return;
    const down = event.key === "j" || (inside && event.key === "ArrowDown");
    const up = event.key === "k" || (inside && event.key === "ArrowUp");
    if (!down && !up) return;
    const links = [...this.querySelectorAll("[data-row]")];
    const from = links.indexOf(document.activeElement.closest("tr")?.querySelector("[data-row]"));
    const next = links[Math.min(links.length - 1, Math.max(0, from + (down ? 1 : from < 0 ? 1 : -1)))];
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }
}

// --- <confirm-dialog>: answers hx-confirm with our dialog instead of the browser's ---------------------------------
class ConfirmDialog extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.ask = (event) => {
      if (!event.detail.question) return;
      event.preventDefault();
      this.querySelector("[data-question]").textContent = event.detail.question;
      const yes = this.querySelector("[data-yes]");
      yes.textContent = event.detail.elt.dataset.confirmWord ?? event.detail.elt.textContent.trim();
      yes.classList.toggle("button--danger", event.detail.elt.classList.contains("button--danger"));
      this.dialog.returnValue = "";
      this.dialog.addEventListener("close", () => {
        if (this.dialog.returnValue === "yes") event.detail.issueRequest(true);
      }, { once: true });
      this.dialog.showModal();
    };
    document.addEventListener("htmx:confirm", this.ask);
  }

  disconnectedCallback() { document.removeEventListener("htmx:confirm", this.ask); }
}

customElements.define("time-ago", TimeAgo);
customElements.define("copy-button", CopyButton);
customElements.define("scan-input", ScanInput);
customElements.define("print-button", PrintButton);
customElements.define("row-list", RowList);
customElements.define("confirm-dialog", ConfirmDialog);
