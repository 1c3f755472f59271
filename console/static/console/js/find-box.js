// The one box. htmx fetches the results; this element moves through them with the keys and remembers finds.
const RECENT = "oms-recent";
const MOST = 8;

const recent = () => {
  try { return JSON.parse(localStorage.getItem(RECENT)) ?? []; } catch { return []; }
};
const remember = (finds) => {
  try { localStorage.setItem(RECENT, JSON.stringify(finds.slice(0, MOST))); } catch { /* private window */ }
};

class FindBox extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input");
    this.panel = this.querySelector(".find__panel");
    this.input.addEventListener("focus", () => this.show());
    this.input.addEventListener("input", () => this.typed());
    this.addEventListener("keydown", (event) => this.key(event));
    this.addEventListener("focusout", (event) => { if (!this.contains(event.relatedTarget)) this.close(); });
    this.addEventListener("htmx:afterSwap", () => this.filled());
    this.noteThisPage();
    this.shortcut = (event) => this.summon(event);
    document.addEventListener("keydown", this.shortcut);
  }

  disconnectedCallback() { document.removeEventListener("keydown", this.shortcut); }

  get options() { return [...this.panel.querySelectorAll("[role=option]")]; }
  get chosen() { return this.panel.querySelector("[aria-selected=true]"); }

  // A page about one thing names itself in <meta name="oms-recent">.
  noteThisPage() {
    const title = document.querySelector("meta[name=oms-recent]")?.content;
    if (!title) return;
    const url = location.pathname;
    remember([{ title, url }, ...recent().filter((find) => find.url !== url)]);
  }

  summon(event) {
    const slash = event.key === "/" && !event.target.closest("input, textarea, select, [contenteditable]");
    const ctrlK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
    if (!(slash || ctrlK) || document.querySelector("dialog:modal")) return;
    event.preventDefault();
    this.input.focus();
    this.input.select();
  }

  typed() {
    this.choose(null);
    if (!this.input.value.trim()) this.offerRecent();
  }

  show() {
    if (!this.input.value.trim()) this.offerRecent();
    else if (this.options.length) this.open(true);
  }

  offerRecent() {
    const finds = recent();
    const list = document.createElement("div");
    list.className = "results";
    list.innerHTML = '<div role="group" aria-label="Opened lately"><p class="results__kind" aria-hidden="true">Opened lately</p></div>';
    finds.forEach(({ title, url }, place) => {
      const link = document.createElement("a");
      Object.assign(link, { className: "result", id: `recent-${place}`, tabIndex: -1 });
      if (!/^\/(?![/\\])/.test(url)) return;
      link.href = url;
      link.setAttribute("role", "option");
      link.append(document.createElement("span"), document.createElement("bdi"));
      link.lastChild.textContent = title;
      list.firstChild.append(link);
    });
    this.panel.replaceChildren(...(list.querySelector("a") ? [list] : []));
    this.open(Boolean(finds.length));
  }

  filled() {
    if (!this.input.value.trim()) return this.offerRecent();
    this.choose(null);
    this.open(this.contains(document.activeElement));
    const found = this.options.filter((option) => option.href).length;
    this.querySelector("[data-found]").textContent = found ? `${found} found` : "Nothing found";
  }

  open(shown) {
    this.panel.hidden = !shown;
    this.input.setAttribute("aria-expanded", String(shown && this.options.length > 0));
  }

  close() { this.open(false); this.choose(null); }

  choose(option) {
    this.chosen?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) this.input.setAttribute("aria-activedescendant", option.id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  step(by) {
    if (this.panel.hidden) this.show();
    const options = this.options;
    if (!options.length) return;
    const from = options.indexOf(this.chosen);
    this.choose(options[from < 0 ? (by > 0 ? 0 : options.length - 1) : (from + by + options.length) % options.length]);
  }

  key(event) {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.step(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && this.chosen && !this.panel.hidden) {
      event.preventDefault();
      this.chosen.click();
    } else if (event.key === "Escape") {
      this.panel.hidden ? this.input.blur() : this.close();
    }
  }
}

customElements.define("find-box", FindBox);

// Whoever sits down next must not read what the last one looked for.
addEventListener("submit", (event) => { if (event.target.matches("[data-logout]")) remember([]); });
