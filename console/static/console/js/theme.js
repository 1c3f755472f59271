// Runs before the first paint (a plain script in the head), so that no page flashes in the wrong theme.
(() => {
  const root = document.documentElement;
  const recall = (name) => {
    try { return localStorage.getItem(name); } catch { return null; }
  };
  const keep = (name, value) => {
    try { value ? localStorage.setItem(name, value) : localStorage.removeItem(name); } catch { /* private window */ }
  };
  const wear = (theme) => {
    theme ? root.setAttribute("data-theme", theme) : root.removeAttribute("data-theme");
    for (const button of document.querySelectorAll("[data-choose-theme]")) {
      button.setAttribute("aria-pressed", String(button.dataset.chooseTheme === (theme ?? "")));
    }
  };
  const fold = (rail) => {
    rail ? root.setAttribute("data-rail", rail) : root.removeAttribute("data-rail");
    document.querySelector("[data-fold-rail]")?.setAttribute("aria-pressed", String(rail === "icons"));
  };

  wear(recall("oms-theme"));
  fold(recall("oms-rail"));
  addEventListener("DOMContentLoaded", () => { wear(recall("oms-theme")); fold(recall("oms-rail")); });
  addEventListener("storage", (event) => {
    if (event.key === "oms-theme") wear(event.newValue);
  });
  addEventListener("click", (event) => {
    const choice = event.target.closest?.("[data-choose-theme]");
    if (choice) {
      keep("oms-theme", choice.dataset.chooseTheme);
      wear(choice.dataset.chooseTheme || null);
    }
    if (event.target.closest?.("[data-fold-rail]")) {
      const next = root.getAttribute("data-rail") === "icons" ? null : "icons";
      keep("oms-rail", next);
      fold(next);
    }
  });
})();
