"use strict";
// What all views share: elements made of text alone (never of markup), the state that the address holds, the data.
window.page = {
  data: null, searched: null, chunks: new Map(), pairs: new Map(), views: {}, state: {},
};

(function () {
  // Characters that are not seen, or that change how others are read: shown by their number.
  const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

  /** Return a text as nodes in which nothing is hidden. */
  page.shown = function (text) {
    const parts = document.createDocumentFragment();
    const all = String(text);
    let from = 0;
    for (const found of all.matchAll(CONTROL)) {
      if (found.index > from) parts.append(all.slice(from, found.index));
      const code = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
      parts.append(page.h("span", {class: "ctl", title: "a character that is not seen"}, "U+" + code));
      from = found.index + 1;
    }
    if (from < all.length) parts.append(all.slice(from));
    return parts;
  };

  /** Return a text on one line, without what is not seen: for places that take no elements. */
  page.plain = function (text) {
    return String(text).replace(CONTROL, (c) => "\u27e8" + c.charCodeAt(0).toString(16).toUpperCase() + "\u27e9");
  };

  /** Make an element: attributes by name (a function is a listener), children are nodes, texts, or lists of them. */
  page.h = function (tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === "function") made.addEventListener(name, value);
      else if (name === "value") made.value = value;
      else made.setAttribute(name, value === true ? "" : page.plain(value));
    }
    const put = function (child) {
      if (child === null || child === undefined || child === false) return;
      if (Array.isArray(child)) child.forEach(put);
      else made.append(child instanceof Node ? child : page.shown(child));
    };
    children.forEach(put);
    return made;
  };

  page.replace = function (place, ...children) {
    place.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  };

  /** Return a number with so many digits, of two that are equally near the even one, as the command line does. */
  page.rounded = (value, digits) => {
    const parts = value * 2 ** (digits + 1);  // odd where two are equally near, for a binary fraction
    if (!Number.isInteger(parts) || parts % 2 === 0) return value.toFixed(digits);
    const below = Math.floor(value * 10 ** digits);
    return ((below % 2 ? below + 1 : below) / 10 ** digits).toFixed(digits);
  };
  page.percent = (value) => (value === null || value === undefined ? "-" : page.rounded(value, 1));
  page.signed = (value) => (value >= 0 ? "+" : "\u2212") + page.rounded(Math.abs(value), 1);
  page.count = (value) => value.toLocaleString("en");
  page.several = (n, one, more) => `${page.count(n)} ${n === 1 ? one : more || one + "s"}`;
  page.say = function (text) { document.getElementById("said").textContent = page.plain(text); };

  /** Return a labelled select; options are [value, text]. */
  page.select = function (label, options, value, chosen) {
    // What holds is what is shown, also where nothing of it is here: a reason that another run's answers have.
    if (!options.some(([one]) => String(one) === String(value))) options = [...options, [value, value]];
    const made = page.h("select", {change: (event) => chosen(event.target.value)},
      options.map(([one, text]) => page.h("option", {value: one, selected: String(one) === String(value)}, page.plain(text))));
    return page.field(label, made);
  };
  let numbered = 0;
  /** Return an input with its label. */
  page.field = function (label, input) {
    numbered += 1;
    input.id = "field-" + numbered;
    return page.h("div", {class: "field"}, page.h("label", {for: input.id}, label), input);
  };

  // --- the address --------------------------------------------------------------------------------
  const USUAL = {view: "overview"};
  page.read = function () {
    const found = new URLSearchParams(location.hash.replace(/^#/, ""));
    const state = {...USUAL};
    for (const [name, value] of found) state[name] = value;
    if (!Object.hasOwn(page.views, state.view)) state.view = "overview";
    return state;
  };
  /** Change the state, and show it; `again` only where the address stays one step back. */
  page.go = function (change, again) {
    const state = {...page.read(), ...change};
    const said = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) if (value !== "" && value !== null && value !== undefined) said.set(name, value);
    const address = "#" + said.toString();
    if (address === location.hash) return;
    if (again) { history.replaceState(null, "", address); page.show(); } else location.hash = address;
  };

  // --- data ---------------------------------------------------------------------------------------
  page.numbers = function (data) {
    page.data = data;
    for (const verdict of data.verdicts) {
      verdict.outcomes = verdict.outcome.codes.map((code) => (code < 0 ? null : verdict.outcome.names[code]));
      verdict.reasons = verdict.reason.codes.map((code) => (code < 0 ? null : verdict.reason.names[code]));
    }
    data.at = new Map(data.questions.id.map((id, i) => [id, i]));
  };
  page.texts = function (texts) { page.searched = texts.map((one) => one.join("\n").toLowerCase()); };
  page.pair = function (base, run, slices) { page.pairs.set(`${base}-${run}`, slices); };
  page.chunk = function (number, chunk) { page.chunks.set(number, chunk); };

  const loading = new Map();
  /** Load a script of the page once. */
  page.load = function (source) {
    if (!loading.has(source)) {
      loading.set(source, new Promise((done, failed) => {
        const made = document.createElement("script");
        made.src = source;
        made.onload = done;
        made.onerror = () => { loading.delete(source); failed(new Error(source)); };
        document.head.append(made);
      }));
    }
    return loading.get(source);
  };

  page.metric = () => {
    const wanted = page.state.metric;
    const names = page.data.metrics.map((one) => one.name);
    return names.includes(wanted) ? wanted : names[0];
  };
  page.label = (metric) => (page.data.metrics.find((one) => one.name === metric) || {label: metric}).label;
  /** Return the run that views are about: the one in the address, else the best. */
  page.run = () => {
    const wanted = Number(page.state.run);
    if (page.state.run !== undefined && page.data.runs[wanted]) return wanted;
    return page.best();
  };
  /** Return the run with the highest value, among those of about as many questions as any has: ten tried say little. */
  page.best = () => {
    const all = page.data.runs.map((run) => run.metrics[page.metric()] || {value: -1, n: 0});
    const enough = 0.9 * Math.max(...all.map((one) => one.n));
    const value = (i) => (all[i].n >= enough ? all[i].value : -1);
    return all.map((_, i) => i).reduce((a, b) => (value(b) > value(a) ? b : a), 0);
  };
  /** Return what a run has for a question by a metric: 1 right, 0 wrong, null for nothing. */
  page.said = (run, question, metric) => {
    const values = page.data.verdicts[run].metrics[metric];
    return values ? values[question] : null;
  };
  page.runs = () => page.data.runs.map((run, i) => [i, run.label]);
  page.mean = (run, questions, metric) => {
    let sum = 0, n = 0;
    for (const i of questions) {
      const value = page.said(run, i, metric);
      if (value !== null) { sum += value; n += 1; }
    }
    return {n, right: sum, value: n ? (100 * sum) / n : null};
  };
  page.open = (question) => page.go({view: "questions", q: page.data.questions.id[question]});
})();
