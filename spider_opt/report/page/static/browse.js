"use strict";
// The browser of single questions: filters, a list of which only what is in sight is drawn, and the question opened.
(function () {
  const h = page.h;
  const HEIGHT = 62;
  const FILTERS = ["text", "db", "hardness", "kind", "slice", "verdict", "reason"];
  let built = null, found = [], active = -1, searching = 0;

  const unique = (values) => [...new Set(values.filter((value) => value !== null))].sort();
  const short = (label) => (label.length > 34 ? label.slice(0, 33) + "\u2026" : label);

  function matching() {
    const {state, data} = page;
    const {questions, runs} = data;
    const metric = page.metric(), run = page.run();
    const [a, b] = [Number(state.a ?? -1), Number(state.b ?? -1)];
    const flips = runs[a] && runs[b];
    const words = (state.text || "").toLowerCase().split(/\s+/).filter(Boolean);
    const right = (r, i) => page.said(r, i, metric) === 1;
    const tests = {
      right: (i) => right(run, i),
      wrong: (i) => { const said = page.said(run, i, metric); return said !== null && said < 1; },
      differ: (i) => { const said = runs.map((_, r) => page.said(r, i, metric)).filter((one) => one !== null); return said.some((one) => one !== said[0]); },
      none: (i) => runs.every((_, r) => !right(r, i)) && runs.some((_, r) => page.said(r, i, metric) !== null),
      lost: (i) => flips && page.said(b, i, metric) !== null && page.said(a, i, metric) > page.said(b, i, metric),
      won: (i) => flips && page.said(a, i, metric) !== null && page.said(b, i, metric) > page.said(a, i, metric),
      unjudged: (i) => data.verdicts[run].outcomes[i] === null,
    };
    const test = state.verdict ? (Object.hasOwn(tests, state.verdict) ? tests[state.verdict] : () => false) : () => true;
    const [kind, part] = (state.slice || "").split(".").map(Number), sliced = state.slice ? (data.slices[kind] || {of: []}).of : null;
    const list = [];
    for (let i = 0; i < questions.id.length; i += 1) {
      if (state.db && questions.db[i] !== state.db) continue;
      if (state.hardness && questions.hardness[i] !== state.hardness) continue;
      if (state.kind && questions.kind[i] !== state.kind) continue;
      if (sliced && sliced[i] !== part) continue;
      if (state.reason && data.verdicts[run].reasons[i] !== state.reason) continue;
      if (!test(i)) continue;
      if (words.length) {
        const all = `${questions.id[i]} ${questions.index[i]} ${questions.text[i]} ${page.searched ? page.searched[i] : ""}`.toLowerCase();
        if (!words.every((word) => all.includes(word))) continue;
      }
      list.push(i);
    }
    return list;
  }

  function filters() {
    const {state, data} = page;
    const {questions, runs} = data;
    const run = page.run();
    const set = (name) => (value) => page.go({[name]: value, q: page.state.q}, true);
    const any = (values) => [["", "any"], ...values.map((value) => [value, value])];
    const [a, b] = [Number(state.a ?? -1), Number(state.b ?? -1)];
    const verdicts = [["", "any"], ["right", "right"], ["wrong", "not right"], ["differ", "runs differ"], ["none", "no run is right"], ["unjudged", "not judged"]];
    if (runs[a] && runs[b]) verdicts.push(["lost", `lost: ${runs[a].label} right, ${runs[b].label} not`], ["won", `won: ${runs[b].label} right, ${runs[a].label} not`]);
    const text = h("input", {type: "search", value: state.text || "", placeholder: "words of the question, a query, an id", spellcheck: "false",
      input: (event) => { clearTimeout(searching); const value = event.target.value; searching = setTimeout(() => page.go({text: value}, true), 120); }});
    const wide = (element) => { element.classList.add("wide"); return element; };
    return [
      wide(page.field("Search", text)),
      wide(page.select("Run", page.runs(), run, set("run"))),
      page.select(`Verdict (${page.label(page.metric())})`, verdicts, state.verdict || "", set("verdict")),
      page.select("Reason", any(unique(data.verdicts[run].reasons)), state.reason || "", set("reason")),
      page.select("Database", any(unique(questions.db)), state.db || "", set("db")),
      page.select("Hardness", any(page.levels()), state.hardness || "", set("hardness")),
      page.select("Gold is", any(unique(questions.kind)), state.kind || "", set("kind")),
      data.slices.length ? page.select("Slice", [["", "any"], ...data.slices.flatMap(({kind, parts}, i) => parts.map((part, j) => [`${i}.${j}`, `${kind}: ${part}`]))], state.slice || "", set("slice")) : null,
      h("div", {class: "field last"}, h("button", {type: "button", click: () => page.go({...Object.fromEntries(FILTERS.map((name) => [name, ""])), a: "", b: ""}, true)}, "Clear filters")),
    ];
  }

  const sign = (value) => (value === null ? "\u00b7" : value === 1 ? "\u2713" : value === 0 ? "\u2717" : "\u2248");
  page.sign = sign;

  function item(at) {
    const i = found[at], {questions, runs} = page.data, metric = page.metric();
    const said = page.said(page.run(), i, metric);
    const dots = runs.length > 1 ? h("span", {class: "dots", "aria-hidden": "true"}, runs.slice(0, 14).map((_, r) => { const value = page.said(r, i, metric); return h("span", {class: value === 1 ? "right" : value === null ? "soft" : "wrong"}, sign(value)); })) : null;
    const made = h("div", {class: "item", role: "option", id: "item-" + i, "aria-setsize": found.length, "aria-posinset": at + 1,
      click: () => choose(at)},
    h("div", {class: "line"}, h("b", {class: said === 1 ? "right" : said === null ? "soft" : "wrong"}, sign(said), h("span", {class: "sr"}, said === 1 ? "right" : said === null ? "not judged" : "not right")), h("span", {}, questions.id[i]), h("bdi", {}, questions.db[i]), h("span", {}, questions.hardness[i]), dots),
    h("div", {class: "words"}, questions.text[i] || "(the question is not at hand)"));
    made.style.top = at * HEIGHT + "px";
    return made;
  }

  /** Draw what is in sight. An item that is drawn stays the element it is: a press is lost whose element is taken away before the release. */
  function paint() {
    const {list, all, drawn} = built;
    const from = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 6);
    const to = Math.min(found.length, Math.ceil((list.scrollTop + (list.clientHeight || 600)) / HEIGHT) + 6);
    for (const [at, element] of drawn) if (at < from || at >= to) { element.remove(); drawn.delete(at); }
    let next = all.firstChild;
    for (let at = from; at < to; at += 1) {
      const had = drawn.get(at), element = had || item(at);
      element.setAttribute("aria-selected", String(page.data.questions.id[found[at]] === page.state.q));
      if (had) { next = had.nextSibling; continue; }
      all.insertBefore(element, next);
      drawn.set(at, element);
    }
    if (active >= 0 && active < found.length) list.setAttribute("aria-activedescendant", "item-" + found[active]); else list.removeAttribute("aria-activedescendant");
  }

  function choose(at) {
    if (at < 0 || at >= found.length) return;
    active = at;
    page.go({q: page.data.questions.id[found[at]]}, true);
  }
  function inSight(at) {
    const {list} = built;
    if (at * HEIGHT < list.scrollTop) list.scrollTop = at * HEIGHT;
    else if ((at + 1) * HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = (at + 1) * HEIGHT - list.clientHeight;
  }
  function keys(event) {
    const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -1e9, End: 1e9};
    if (event.key === "Enter") { event.preventDefault(); built.answers.focus(); return; }
    if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const at = Math.max(0, Math.min(found.length - 1, active + steps[event.key]));
    inSight(at);
    choose(at);
  }

  function build(place) {
    const all = h("div", {class: "all"});
    const list = h("div", {class: "list", role: "listbox", tabindex: "0", "aria-label": "Questions found", scroll: () => requestAnimationFrame(paint), keydown: keys}, all);
    const form = h("div", {class: "filters"}), count = h("span", {role: "status"}), foot = h("span", {});
    const answers = h("div", {class: "answers", tabindex: "-1", role: "region", "aria-label": "The question"});
    const browser = h("div", {class: "browser"}, h("div", {class: "side card"}, form, h("div", {class: "found"}, count, foot), list), answers);
    page.replace(place, browser);
    built = {all, list, drawn: new Map(), form, count, foot, answers, browser, of: "", keys: ""};
  }

  page.views.questions = function (place) {
    const {state, data} = page;
    if (!built) build(place);
    const of = JSON.stringify([...FILTERS.map((name) => state[name] || ""), page.run(), page.metric(), state.a, state.b, Boolean(page.searched)]);
    if (of !== built.of) {
      const typing = document.activeElement && document.activeElement.type === "search" ? [document.activeElement.selectionStart, document.activeElement.selectionEnd] : null;
      const index = [...built.form.querySelectorAll("select,input,button")].indexOf(document.activeElement);
      page.replace(built.form, filters());
      if (index >= 0) { const again = built.form.querySelectorAll("select,input,button")[index]; if (again) { again.focus(); if (typing) { again.setSelectionRange(...typing); } } }
      found = matching();
      built.of = of;
      built.all.replaceChildren();
      built.drawn.clear();
      built.all.style.height = found.length * HEIGHT + "px";
      built.list.scrollTop = 0;
      const right = found.filter((i) => page.said(page.run(), i, page.metric()) === 1).length;
      page.replace(built.count, h("b", {}, page.several(found.length, "question")), found.length ? `, ${page.count(right)} right` : "");
    }
    if (!state.q && found.length && innerWidth > 900) state.q = data.questions.id[found[0]];
    const question = data.at.get(state.q);
    active = found.indexOf(question);
    if (active >= 0) inSight(active);
    paint();
    const step = (by, text) => h("button", {type: "button", disabled: active < 0 || !found[active + by] && found[active + by] !== 0, click: () => choose(active + by)}, text);
    page.replace(built.foot, step(-1, "Previous"), " ", step(1, "Next"));
    built.browser.classList.toggle("opened", question !== undefined && Boolean(page.read().q));
    if (question === undefined) page.replace(built.answers, h("p", {class: "empty card"}, found.length ? "Choose a question." : "No question fits these filters."));
    else page.question(built.answers, question);
  };
  page.back = () => page.go({q: ""}, true);

  addEventListener("keydown", (event) => {
    if (page.state.view !== "questions" || event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing) { event.preventDefault(); built.form.querySelector("input").focus(); }
    if (event.key === "Escape" && built.browser.classList.contains("opened") && !typing) { page.back(); built.list.focus(); }
    if (!typing && (event.key === "j" || event.key === "k")) { const at = active + (event.key === "j" ? 1 : -1); if (at >= 0) { inSight(at); choose(at); } }
  });
})();
