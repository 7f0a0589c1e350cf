"use strict";
// Any two runs on the same questions.
(function () {
  const h = page.h;
  const MOST = 20;

  function chosen() {
    const {runs, ladders} = page.data;
    const rungs = (ladders.find((one) => one.rungs.length > 1) || {rungs: []}).rungs;
    let a = Number(page.state.a ?? (rungs[0] || {run: 0}).run), b = Number(page.state.b ?? page.best());
    if (!runs[a]) a = 0;
    if (!runs[b]) b = runs.length - 1;
    if (a === b && page.state.b === undefined && runs.length > 1) b = a === 0 ? 1 : 0;
    return [a, b];
  }

  const pairOf = (a, b) => page.data.pairs.find((one) => one.base === Math.min(a, b) && one.run === Math.max(a, b));
  const compared = (a, b, metric) => Boolean((pairOf(a, b) || {by: {}}).by[metric]);

  function verdict(a, b, metric) {
    const first = Math.min(a, b);
    const pair = pairOf(a, b);
    const found = pair && pair.by[metric];
    if (a === b) return h("p", {class: "empty"}, "Choose two different runs.");
    if (!found) return h("p", {class: "note"}, (pair && pair.why) || "These two cannot be compared by this metric.");
    const turn = first === a ? 1 : -1;
    const change = turn * found.change;
    const between = found.between && (turn > 0 ? found.between : [-found.between[1], -found.between[0]]);
    const sure = between && (between[0] > 0 || between[1] < 0);
    const p = found.p < .001 ? "p < 0.001" : `p = ${found.p.toFixed(3)}`;
    const beside = turn > 0 ? pair.beside : pair.beside.map((text) => text.replace(/^(.*?) (\S.*) → (.*)$/, "$1 $3 → $2"));
    return [
      h("p", {class: "verdict"}, h("b", {class: change >= 0 ? "right" : "wrong"}, page.signed(change)), ` points of ${page.label(metric)} on the same ${page.count(found.n)} questions`,
        between ? ` (95 %: ${page.signed(between[0])} to ${page.signed(between[1])}), ` : ", ", p, sure ? "" : ": no difference that could not be chance"),
      h("p", {class: "about"}, "Interval: paired bootstrap over gold queries. p: McNemar's exact test of this pair alone, not corrected for looking at several pairs."),
      beside.length ? h("p", {class: "about"}, "Beside the method differ: " + beside.join("; ")) : null,
    ];
  }

  function flipped(title, questions, link) {
    const {id, db, hardness, text} = page.data.questions;
    return h("section", {class: "card"}, h("h2", {}, `${title}: ${page.count(questions.length)}`),
      questions.length ? page.table({heads: ["question", "database", "hardness", "text"], label: title, rows: questions.slice(0, MOST).map((i) => [
        h("button", {type: "button", class: "link", click: () => page.open(i)}, id[i]), db[i], hardness[i], text[i]])}) : h("p", {class: "soft"}, "None."),
      questions.length ? h("p", {}, h("button", {type: "button", click: link}, questions.length > MOST ? `All ${page.count(questions.length)}` : "Look at them one by one")) : null);
  }

  function parts(title, of, names, a, b, metric, both) {
    const groups = page.group(both, of);
    const rows = names.filter((name) => groups.has(name)).map((name) => {
      const list = groups.get(name);
      const won = list.filter((i) => page.said(b, i, metric) > page.said(a, i, metric)).length;
      const lost = list.filter((i) => page.said(b, i, metric) < page.said(a, i, metric)).length;
      return {name: page.plain(name), n: list.length, won, lost, before: page.mean(a, list, metric).value, after: page.mean(b, list, metric).value};
    });
    const bars = rows.flatMap((row) => [{name: row.name, n: row.won, said: String(row.won), what: "won"}, {name: row.name, n: -row.lost, said: String(row.lost), what: "lost"}]);
    return page.card(title, {
      description: `${title}: ${rows.map((row) => `${row.name} won ${row.won}, lost ${row.lost}`).join("; ")}`,
      table: {heads: ["", "n", "A", "B", "won", "lost"], rows: rows.map((row) => [row.name, row.n, page.percent(row.before), page.percent(row.after), row.won, row.lost]), label: title, sort: true},
      draw: (c, width) => ({
        width: width - Math.min(210, width * .42), height: {step: 20}, data: {values: bars},
        encoding: {
          y: {field: "name", type: "nominal", sort: rows.map((row) => row.name), title: null, axis: {labelLimit: Math.min(190, width * .4), domain: false, ticks: false}},
          x: {field: "n", type: "quantitative", title: "questions lost (left) and won (right)", axis: {format: "d", labelExpr: "abs(datum.value)", tickMinStep: 1}},
          color: {field: "what", scale: {domain: ["won", "lost"], range: [c.right, c.wrong]}, legend: null},
          tooltip: [{field: "name", title: "of"}, {field: "what"}, {field: "n"}],
        },
        layer: [{mark: {type: "bar", height: 13}}, ...[["left", 4, "datum.n > 0"], ["right", -4, "datum.n < 0"]].map(([align, dx, filter]) => ({transform: [{filter}], mark: {type: "text", align, dx, fontSize: 11}, encoding: {text: {field: "said"}, color: {value: c.soft}}}))],
      }),
    });
  }

  page.views.compare = function (place) {
    const {runs, questions} = page.data;
    if (runs.length < 2) { page.replace(place, h("p", {class: "empty"}, "There is one run on this page: name two or more to compare them.")); return; }
    const [a, b] = chosen();
    const metric = page.metric();
    const both = questions.id.map((_, i) => i).filter((i) => page.said(a, i, metric) !== null && page.said(b, i, metric) !== null);
    const won = both.filter((i) => page.said(b, i, metric) > page.said(a, i, metric));
    const lost = both.filter((i) => page.said(b, i, metric) < page.said(a, i, metric));
    const look = (flip) => () => page.go({view: "questions", a, b, verdict: flip, q: "", run: b});
    const dbs = [...new Set(questions.db)].map((name) => [name, won.filter((i) => questions.db[i] === name).length - lost.filter((i) => questions.db[i] === name).length]).sort((x, y) => x[1] - y[1]).map(([name]) => name);
    page.replace(place,
      h("section", {class: "card"}, h("div", {class: "bar"},
        page.select("A", page.runs(), a, (value) => page.go({a: value, b}, true)), page.select("B", page.runs(), b, (value) => page.go({a, b: value}, true)),
        h("button", {type: "button", click: () => page.go({a: b, b: a}, true)}, "Swap")),
      h("div", {id: "verdict"}, verdict(a, b, metric))),
      a === b ? null : [h("div", {class: "grid"}, parts("By hardness", questions.hardness, page.levels(), a, b, metric, both), parts("By database, the largest loss first", questions.db, dbs, a, b, metric, both)),
        compared(a, b, metric) ? page.changedSlices(a, b, metric) : null,
        h("div", {class: "grid"}, flipped("Lost: A is right, B is not", lost, look("lost")), flipped("Won: B is right, A is not", won, look("won")))]);
  };
})();
