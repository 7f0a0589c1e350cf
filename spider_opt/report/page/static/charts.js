"use strict";
// Charts by Vega-Lite, drawn again where the width or the colours of the page change; each has a table beside it.
(function () {
  const h = page.h;
  // Okabe and Ito's colours, darker where they stand on white: told apart by the colour-blind too.
  const LIGHT = ["#0072B2", "#B34700", "#007A5A", "#A0568A", "#7A6A00", "#1B1F24", "#3C86B8", "#C97A3D"];
  const DARK = ["#6DB9EE", "#F2995A", "#4FCFA5", "#E39BCB", "#E5D95C", "#E8EBEF", "#9CCBEA", "#F7BE93"];
  const drawn = new Map();
  page.dark = () => matchMedia("(prefers-color-scheme: dark)").matches && !page.printing;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  page.colours = () => {
    const dark = page.dark();
    return {
      series: dark ? DARK : LIGHT, ink: dark ? "#e8ebef" : "#1b1f24", soft: dark ? "#a5b0bd" : "#57606a",
      line: dark ? "#353d48" : "#e1e5ea", right: dark ? "#6db9ee" : "#0072b2", wrong: dark ? "#f2995a" : "#b34700",
      card: dark ? "#1a1f26" : "#ffffff",
      heat: dark ? ["#5a2d12", "#6b5a3a", "#2f5f80", "#6db9ee"] : ["#f0a878", "#f7e3d0", "#cfe4f3", "#4f9fd0"],
    };
  };
  function config() {
    const c = page.colours();
    const font = css("--font") || "sans-serif";
    return {
      background: "transparent", font, view: {stroke: null}, padding: 4,
      axis: {labelColor: c.soft, titleColor: c.soft, gridColor: c.line, domainColor: c.line, tickColor: c.line, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, labelLimit: 260},
      legend: {labelColor: c.ink, titleColor: c.soft, labelFontSize: 12, titleFontSize: 12, labelLimit: 260, symbolSize: 90},
      text: {color: c.ink, fontSize: 12}, range: {category: c.series}, title: {color: c.ink},
      header: {labelColor: c.ink, titleColor: c.soft},
    };
  }

  /** Draw a specification (a function of the colours) into a place, and tell what it shows to who does not see it. */
  page.draw = function (place, description, make) {
    drawn.set(place, {description, make});
    again(place);
  };
  function again(place) {
    const {description, make} = drawn.get(place);
    if (!place.isConnected) { drawn.delete(place); return; }
    if (!place.clientWidth) return;
    const width = place.clientWidth;
    const spec = {$schema: "https://vega.github.io/schema/vega-lite/v6.json", description, ...make(page.colours(), width)};
    const compiled = vegaLite.compile(spec, {config: config()}).spec;
    placeNames(compiled);
    const old = place.view;
    const view = new vega.View(vega.parse(compiled, null, {ast: true}), {
      expr: vega.expressionInterpreter, renderer: "svg", logLevel: vega.Error, hover: true,
    });
    view.initialize(place);
    place.view = view;
    place.width = width;
    if (old) old.finalize();
    view.runAsync();
  }
  /** Have texts of a layer called "names" stand where they cover neither each other nor points; others are left out. */
  function placeNames(compiled) {
    const texts = compiled.marks.find((mark) => mark.type === "text" && /^names/.test(mark.name));
    const points = compiled.marks.find((mark) => mark.type === "symbol");
    if (!texts || !points) return;
    const {text, fill, fontSize, limit} = texts.encode.update;
    texts.from = {data: points.name};
    const name = text.signal ? text.signal.replace(/datum\[/g, "datum.datum[") : null;
    texts.encode = {enter: {text: name ? {signal: name} : {field: "datum.run"}, fill, fontSize, limit}};
    texts.transform = [{type: "label", size: {signal: "[width + 20, height + 10]"}, offset: [6, 6, 6, 6, 8, 8, 8, 8], anchor: ["right", "left", "top", "bottom", "top-right", "bottom-right", "top-left", "bottom-left"], avoidMarks: [points.name]}];
  }
  page.redraw = function (changed) {
    for (const place of [...drawn.keys()]) if (changed || place.width !== place.clientWidth) again(place);
  };
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(page.redraw, 150); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => page.redraw(true));

  /** Return a card with a heading, what stands above the chart, the chart, its table and what it means. */
  page.card = function (title, {above, about, draw, description, table, open}) {
    const chart = draw ? h("div", {class: "chart"}) : null;
    const made = h("section", {class: "card"}, h("h2", {}, title), above || null,
      chart ? h("figure", {}, chart) : null,
      table ? h("details", {open: open || null}, h("summary", {}, "As a table"), page.table(table)) : null,
      about ? h("p", {class: "about"}, about) : null);
    if (draw) queueMicrotask(() => page.draw(chart, page.plain(description || title), draw));
    return made;
  };

  /** Return a table; heads are texts, cells are texts, nodes or numbers (which stand right). */
  page.table = function ({heads, rows, label, sort}) {
    const body = h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, i) => {
      const number = typeof cell === "number" || (typeof cell === "string" && /^[+\u2212-]?[\d.,]+( |$)/.test(cell));
      return h(i ? "td" : "th", {class: i && number ? "n" : null, scope: i ? null : "row"}, cell === null ? "-" : cell);
    }))));
    const head = h("tr", {}, heads.map((text, i) => h("th", {scope: "col"}, sort ? h("button", {type: "button", click: () => order(i)}, text) : text)));
    let last = null;
    function order(i) {
      const up = last === i;
      last = up ? null : i;
      const of = (row) => row.cells[i].textContent;
      const key = (text) => { const n = parseFloat(text.replace(/,/g, "").replace("\u2212", "-")); return Number.isNaN(n) ? text : n; };
      const sorted = [...body.rows].sort((a, b) => {
        const [x, y] = [key(of(a)), key(of(b))];
        return (x < y ? -1 : x > y ? 1 : 0) * (up ? -1 : 1);
      });
      body.replaceChildren(...sorted);
      [...head.cells].forEach((cell, j) => (j === i ? cell.setAttribute("aria-sort", up ? "descending" : "ascending") : cell.removeAttribute("aria-sort")));
    }
    return h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": label || "Table"}, h("table", {class: "numbers"}, h("thead", {}, head), body));
  };
})();
