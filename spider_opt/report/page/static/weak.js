"use strict";
// Where a run fails: by database and hardness, by kind of query, by what its context lacked, and what to try next.
(function () {
  const h = page.h;
  const LEVELS = ["easy", "medium", "hard", "extra", "simple", "moderate", "challenging"];
  const all = () => page.data.questions.id.map((_, i) => i);
  page.levels = () => [...new Set(page.data.questions.hardness)].sort((a, b) => (LEVELS.indexOf(a) + 99) % 99 - (LEVELS.indexOf(b) + 99) % 99);
  page.group = function (questions, of) {
    const found = new Map();
    for (const i of questions) {
      const key = of[i];
      if (!found.has(key)) found.set(key, []);
      found.get(key).push(i);
    }
    return found;
  };

  function databases(run, metric) {
    const {db, hardness} = page.data.questions;
    const levels = page.levels();
    const rows = [...page.group(all(), db)].map(([name, questions]) => ({name, questions, ...page.mean(run, questions, metric)})).filter((row) => row.n);
    rows.sort((a, b) => a.value - b.value || b.n - a.n);
    const cells = [];
    for (const row of rows) {
      for (const level of [...levels, "all"]) {
        const found = level === "all" ? row : page.mean(run, row.questions.filter((i) => hardness[i] === level), metric);
        if (found.n) cells.push({db: page.plain(row.name), level, value: found.value, n: found.n, said: found.value.toFixed(0), of: `${Number(found.right.toFixed(1))} of ${found.n}`});
      }
    }
    const link = (row) => h("button", {type: "button", class: "link", click: () => page.go({view: "questions", run, db: row.name, verdict: "wrong", q: ""})}, `${row.n - Math.round(row.right)} wrong`);
    return page.card("Databases and hardness", {
      description: `${page.label(metric)} of ${page.data.runs[run].label} by database and hardness. The worst: ${rows.slice(0, 3).map((row) => `${row.name} ${page.percent(row.value)} of ${row.n}`).join(", ")}`,
      above: h("p", {}, "Worst: ", rows.slice(0, 3).map((row, i) => [i ? ", " : "", h("b", {}, h("bdi", {}, row.name)), ` ${page.percent(row.value)} % of ${row.n}`])),
      about: "Percent right, the worst database first. Darker orange is worse, darker blue better. Cells of a few questions say little: the number of questions stands beside it where you point, and in the table.",
      table: {heads: ["database", "%", "n", "look at", ...levels], rows: rows.map((row) => [row.name, page.percent(row.value), row.n, link(row), ...levels.map((level) => {
        const found = page.mean(run, row.questions.filter((i) => hardness[i] === level), metric);
        return found.n ? `${found.value.toFixed(0)} (${found.n})` : "-";
      })]), label: "Accuracy by database and hardness", sort: true, }, open: true,
      draw: (c, width) => ({
        width: width - Math.min(220, width * .42), height: {step: 21}, data: {values: cells},
        encoding: {
          x: {field: "level", type: "nominal", sort: [...levels, "all"], title: null, axis: {orient: "top", labelAngle: 0, domain: false, ticks: false}},
          y: {field: "db", type: "nominal", sort: rows.map((row) => page.plain(row.name)), title: null, axis: {domain: false, ticks: false, labelLimit: Math.min(200, width * .4)}},
        },
        layer: [
          {mark: {type: "rect", stroke: c.card, strokeWidth: 2}, encoding: {color: {field: "value", type: "quantitative", scale: {domain: [0, 40, 75, 100], range: c.heat, interpolate: "rgb"}, legend: null}, tooltip: [{field: "db", title: "database"}, {field: "level", title: "hardness"}, {field: "of", title: "right"}]}},
          {mark: {type: "text", fontSize: 11}, encoding: {text: {field: "said"}, color: {value: page.dark() ? "#ffffff" : "#10151a"}}},
        ],
      }),
    });
  }

  function retrieval() {
    const {runs} = page.data;
    const NAMES = {recall_tables: "tables", recall_columns: "columns", recall_values: "values", recall_skeleton: "a demo with gold's skeleton", precision_tables: "tables: precision", precision_columns: "columns: precision", precision_values: "values: precision", precision_demos: "demos: precision", faithfulness: "faithfulness", level: "level guessed right"};
    const names = Object.keys(NAMES).filter((name) => runs.some((run) => run.context[name]));
    if (!names.length) return page.card("Retrieval recall", {about: "None of these runs measured its context."});
    const cells = runs.flatMap((run) => names.filter((name) => run.context[name]).map((name) => ({run: page.plain(run.label), name: NAMES[name], value: run.context[name].value, n: run.context[name].n, said: run.context[name].value.toFixed(0)})));
    return page.card("Retrieval recall: was what gold uses in the prompt?", {
      description: `Recall and precision of the context of ${runs.length} runs, in percent; the table beside has the numbers.`,
      about: "Share of what the gold query uses that stood in the prompt (recall), of what retrieval brought that gold uses (precision), and of the answer's tables and columns that stood in the prompt (faithfulness). Where the whole schema is shown, recall of tables and columns is 100. Values: texts that stand in the question or in lines of their own.",
      table: {heads: ["run", ...names.map((name) => NAMES[name])], rows: runs.map((run) => [run.label, ...names.map((name) => (run.context[name] ? `${page.percent(run.context[name].value)} (${run.context[name].n})` : "-"))]), label: "Retrieval recall"},
      draw: (c, width) => ({
        width: width - Math.min(300, width * .42), height: {step: 24}, data: {values: cells},
        encoding: {
          x: {field: "name", type: "nominal", sort: names.map((name) => NAMES[name]), title: null, axis: {orient: "top", labelAngle: -28, domain: false, ticks: false, labelLimit: 170}},
          y: {field: "run", type: "nominal", sort: null, title: null, axis: {domain: false, ticks: false, labelLimit: Math.min(280, width * .4)}},
        },
        layer: [
          {mark: {type: "rect", stroke: c.card, strokeWidth: 2}, encoding: {color: {field: "value", type: "quantitative", scale: {domain: [0, 40, 75, 100], range: c.heat, interpolate: "rgb"}, legend: null}, tooltip: [{field: "run"}, {field: "name", title: "of"}, {field: "value", title: "%"}, {field: "n"}]}},
          {mark: {type: "text", fontSize: 11}, encoding: {text: {field: "said"}, color: {value: page.dark() ? "#ffffff" : "#10151a"}}},
        ],
      }),
    });
  }

  function failures(run, metric) {
    const {kind} = page.data.questions;
    const reasons = page.data.verdicts[run].reasons;
    const wrong = all().filter((i) => page.said(run, i, page.data.runs[run].main) === 0);
    if (!wrong.length) return page.card("What went wrong", {about: "Nothing: every answer is right."});
    const kinds = [...page.group(wrong, kind)].sort((a, b) => b[1].length - a[1].length);
    const ends = [...page.group(wrong, reasons)].sort((a, b) => b[1].length - a[1].length);
    const gap = wrong.length * .015, steps = 24;
    const place = (groups) => { let at = 0; return new Map(groups.map(([name, list]) => { const from = at; at += list.length + gap; return [name, {from, to: from + list.length, next: from}]; })); };
    const left = place(kinds), right = place(ends);
    const areas = [], links = [];
    for (const [name, list] of kinds) {
      for (const [reason] of ends) {
        const n = list.filter((i) => reasons[i] === reason).length;
        if (!n) continue;
        const a = left.get(name), b = right.get(reason);
        for (let step = 0; step <= steps; step += 1) {
          const t = step / steps, s = t * t * (3 - 2 * t);
          areas.push({id: `${name} → ${reason}`, kind: page.plain(name), x: t, low: -(a.next + s * (b.next - a.next)), high: -(a.next + n + s * (b.next - a.next)), n, said: page.plain(`${name} → ${reason}`)});
        }
        a.next += n;
        b.next += n;
        links.push([name, reason, n, h("button", {type: "button", class: "link", click: () => page.go({view: "questions", run, kind: name, reason, verdict: "wrong", q: ""})}, "look at them")]);
      }
    }
    links.sort((a, b) => b[2] - a[2]);
    const nodes = [...[...left].map(([name, at]) => ({name: page.plain(name), x: 0, x2: -.015, from: -at.from, to: -at.to, n: Math.round(at.to - at.from), side: "left"})), ...[...right].map(([name, at]) => ({name: page.plain(name), x: 1, x2: 1.015, from: -at.from, to: -at.to, n: Math.round(at.to - at.from), side: "right"}))];
    nodes.forEach((node) => { node.said = `${node.name}  ${node.n}`; node.mid = (node.from + node.to) / 2; });
    const tall = Math.max(280, 26 * Math.max(kinds.length, ends.length));
    const least = (15 / tall) * (wrong.length + gap * Math.max(kinds.length, ends.length));
    for (const side of ["left", "right"]) {
      nodes.filter((node) => node.side === side).reduce((above, node) => { node.mid = Math.min(node.mid, above - least); return node.mid; }, Infinity);
    }
    return page.card("What went wrong: gold's kind → reason", {
      description: `${wrong.length} wrong answers of ${page.data.runs[run].label} by reason: ${ends.map(([name, list]) => `${name} ${list.length}`).join(", ")}`,
      about: `${page.count(wrong.length)} answers that EX calls wrong. Left: what kind of query gold is, the first that fits. Right: why the answer is wrong.`,
      table: {heads: ["gold is", "what went wrong", "n", "questions"], rows: links, label: "Failures by gold's kind and reason", sort: true},
      draw: (c, width) => {
        const side = Math.min(215, width * .34);
        const scale = {domain: [-side / (width - 2 * side), 1 + side / (width - 2 * side)], nice: false, zero: false};
        const y = {type: "quantitative", axis: null, scale: {nice: false, zero: false, padding: 4}};
        return {
          width: width - 14, height: tall,
          layer: [
            {data: {values: areas}, mark: {type: "area", opacity: page.dark() ? .55 : .42}, encoding: {x: {field: "x", type: "quantitative", axis: null, scale}, y: {field: "low", ...y}, y2: {field: "high"}, detail: {field: "id"}, color: {field: "kind", type: "nominal", sort: kinds.map(([name]) => name), scale: {range: c.series}, legend: null}, tooltip: [{field: "said", title: "wrong answers"}, {field: "n"}]}},
            {data: {values: nodes}, mark: {type: "rect", color: c.soft}, encoding: {x: {field: "x", type: "quantitative", scale}, x2: {field: "x2"}, y: {field: "from", ...y}, y2: {field: "to"}}},
            {data: {values: nodes.filter((node) => node.side === "left")}, mark: {type: "text", align: "right", dx: -6, limit: side - 12}, encoding: {x: {field: "x2", type: "quantitative", scale}, y: {field: "mid", ...y}, text: {field: "said"}}},
            {data: {values: nodes.filter((node) => node.side === "right")}, mark: {type: "text", align: "left", dx: 6, limit: side - 12}, encoding: {x: {field: "x2", type: "quantitative", scale}, y: {field: "mid", ...y}, text: {field: "said"}}},
          ],
        };
      },
    });
  }

  function next(run) {
    const said = page.data.runs[run].next || {};
    if (!said.about) return null;
    return h("section", {class: "card", id: "next"}, h("h2", {}, "What to try next"),
      said.sentence ? h("p", {class: "verdict"}, said.sentence) : null,
      said.command ? h("pre", {tabindex: "0", "aria-label": "The command to type"}, said.command) : null,
      said.why_not ? h("p", {class: "note"}, "What to try next cannot be told: ", said.why_not) : null,
      said.steps ? h("details", {}, h("summary", {}, "All that could be tried"), page.table({heads: ["what to try", "at most, points", "by"], label: "What to try, and the most it could bring",
        rows: said.steps.map(([method, step, most, why]) => [[h("code", {}, method), step ? ` (${step})` : ""], most, why])}), said.beside ? h("p", {class: "about"}, said.beside) : null) : null,
      h("p", {class: "about"}, said.about), said.oracle ? h("p", {class: "about"}, said.oracle) : null);
  }

  page.views.weak = function (place) {
    const run = page.run(), metric = page.metric();
    page.replace(place,
      h("div", {class: "bar"}, page.select("Run", page.runs(), run, (value) => page.go({run: value}, true))),
      next(run), h("div", {class: "grid"}, databases(run, metric), h("div", {}, failures(run, metric), page.slices(run, metric), retrieval())));
  };
})();
