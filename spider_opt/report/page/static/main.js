"use strict";
// Shows the view that the address names.
(function () {
  const started = performance.now();
  const place = (name) => document.getElementById("view-" + name);

  function controls() {
    const names = page.data.metrics.map((one) => [one.name, one.label]);
    page.replace(document.getElementById("controls"), names.length > 1 ? page.select("Metric", names, page.metric(), (value) => page.go({metric: value}, true)) : []);
  }

  page.show = function () {
    const before = page.state.view;
    page.state = page.read();
    const view = page.state.view;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.dataset.view === view) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
      link.href = "#" + new URLSearchParams({...Object.fromEntries(Object.entries(page.state).filter(([name]) => ["metric", "run", "a", "b"].includes(name))), view: link.dataset.view});
    }
    for (const name of Object.keys(page.views)) place(name).hidden = name !== view;
    controls();
    page.views[view](place(view));
    if (before !== undefined && before !== view) { scrollTo(0, 0); page.say(place(view).getAttribute("aria-label")); }
    document.body.dataset.ready = String(Math.round(performance.now() - started));
  };

  addEventListener("hashchange", page.show);
  // All views but the questions are printed, or the question that is open.
  addEventListener("beforeprint", () => {
    page.printing = true;
    if (page.state.view === "questions") return;
    for (const name of ["overview", "weak", "confidence", "compare"]) {
      place(name).hidden = false;
      if (name !== page.state.view) page.views[name](place(name));
    }
    page.redraw(true);
  });
  addEventListener("afterprint", () => { page.printing = false; page.redraw(true); page.show(); });
  addEventListener("DOMContentLoaded", () => { page.show(); page.load("data/texts.js").catch(() => {}); });
})();
