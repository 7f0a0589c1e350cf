"use strict";
// A run, and what it changed against another, by slices of the questions: hardness, what gold queries are made of.
(function () {
  const h = page.h;
  const HOW = "of fewer than 100 gold queries Student's t, else a bootstrap of gold queries";

  /** Return a row for each part that has figures: its kind, its name, which it is, and the figures. */
  function rows(figures) {
    return page.data.slices.flatMap(({kind, parts}, i) => parts.map((part, j) => ({kind, part, slice: `${i}.${j}`, cell: figures[i][j]})).filter((row) => row.cell));
  }
  const FEW = 10, MOST_NAMED = 6;
  /** Return the rows of parts with questions enough, where there are any. */
  const drawn = (found) => (found.some((row) => row.n >= FEW) ? found.filter((row) => row.n >= FEW) : found);
  /** Draw values with their intervals, a line for each part, those of a kind together. */
  function chart(found, title, middle, format) {
    const values = drawn(found).map((row, at) => ({
      at, name: page.plain(`${row.kind}: ${row.part}`), kind: page.plain(row.kind), n: row.n, value: row.value, low: row.low ?? row.value, high: row.high ?? row.value,
      said: format(row.value) + (row.low === null ? "" : ` (${format(row.low)} to ${format(row.high)})`), beside: `n=${page.count(row.n)}`,
    }));
    const kinds = [...new Set(values.map((value) => value.kind))];
    values.forEach((value) => { value.y = value.at + kinds.indexOf(value.kind) * .6; value.colour = kinds.indexOf(value.kind) % 2; });
    return (c, width) => {
      const side = Math.min(175, width * .4);
      const label = values.reduceRight((rest, value) => `datum.value == ${value.y} ? ${JSON.stringify(value.name)} : ${rest}`, "''");
      const y = {field: "y", type: "quantitative", title: null, scale: {reverse: true, nice: false, zero: false, padding: 9}, axis: {values: values.map((value) => value.y), labelExpr: label, labelLimit: side, labelPadding: 9, grid: true, ticks: false, domain: false, labelOverlap: false}};
      const x = {type: "quantitative", title, scale: {zero: false, nice: true}};
      const shade = {field: "colour", type: "nominal", scale: {domain: [0, 1], range: [c.right, c.wrong]}, legend: null};
      return {
        width: width - side - 75, height: 17 * values.length + 10 * kinds.length,
        layer: [
          {data: {values: [{middle}]}, mark: {type: "rule", strokeDash: [4, 3], color: c.soft, strokeWidth: 1.4}, encoding: {x: {...x, field: "middle"}}},
          {data: {values}, mark: {type: "rule", strokeWidth: 2}, encoding: {y, x: {...x, field: "low"}, x2: {field: "high"}, color: shade}},
          {data: {values}, mark: {type: "point", filled: true, size: 60, opacity: 1}, encoding: {y, x: {...x, field: "value"}, color: shade, shape: {...shade, scale: {domain: [0, 1], range: ["circle", "square"]}}, tooltip: [{field: "name", title: "slice"}, {field: "said", title}, {field: "n"}]}},
          {data: {values}, mark: {type: "text", align: "left", dx: 8, fontSize: 11}, encoding: {y, x: {value: width - side - 75}, text: {field: "beside"}, color: {value: c.soft}}},
        ],
      };
    };
  }
  const few = () => (page.data.benchmark.has_text ? "" : " The benchmark was not at hand: by what gold queries are made of nothing is told.");
  const kinds = () => {
    const named = page.data.slices.filter((one) => !one.counts).map((one) => one.kind), counted = page.data.slices.filter((one) => one.counts).map((one) => one.kind);
    return `by ${named.join(", ")}${counted.length ? `${named.length ? ", and by " : ""}how many ${counted.join(", ")} a gold query has` : ""}`;
  };
  const left = (found) => (drawn(found).length < found.length ? ` Slices of fewer than ${FEW} questions stand in the table alone.` : "");

  /** Return the card of a run by slices. */
  page.slices = function (run, metric) {
    const of = page.data.runs[run];
    const figures = of.slices[metric];
    if (!figures || !page.data.slices.length) return null;
    const found = rows(figures).map(({kind, part, slice, cell: [n, value, low, high]}) => ({kind, part, slice, n, value, low, high}));
    const whole = of.metrics[metric].value;
    const worst = [...found].filter((row) => row.n >= FEW).sort((a, b) => a.value - b.value).slice(0, 3);
    return page.card("Slices", {
      description: `${page.label(metric)} of ${of.label} by slices. The worst of ten questions or more: ${worst.map((row) => `${row.kind} ${row.part} ${page.percent(row.value)} of ${row.n}`).join(", ")}`,
      above: !worst.length ? null : h("p", {}, "Worst of ten questions or more: ", worst.map((row, i) => [i ? ", " : "", h("b", {}, `${row.kind} ${row.part}`), ` ${page.percent(row.value)} % of ${page.count(row.n)}`])),
      about: `Percent right ${kinds()}. Lines: 95 % interval (${HOW}); dashed: all questions. Slices overlap, and of many the worst is low by chance, too.${left(found)}${few()}`,
      table: {heads: ["slice", "n", "%", "95 %", "questions"], rows: found.map((row) => [`${row.kind} ${row.part}`, row.n, page.percent(row.value), row.low === null ? "-" : `${page.percent(row.low)} to ${page.percent(row.high)}`,
        h("button", {type: "button", class: "link", click: () => page.go({view: "questions", run, slice: row.slice, verdict: "wrong", q: ""})}, "look at the wrong ones")]), label: "Accuracy by slices", sort: true},
      draw: chart(found, `${page.label(metric)}, %`, whole, page.percent),
    });
  };

  function changed(a, b, metric, slices) {
    const turn = a < b ? 1 : -1;
    if (!slices[metric]) return null;
    const found = rows(slices[metric]).map(({kind, part, cell: [n, before, after, change, low, high, won, lost, p]}) => ({
      kind, part, n, p, before: turn > 0 ? before : after, after: turn > 0 ? after : before, value: turn * change,
      low: low === null ? null : turn > 0 ? low : -high, high: low === null ? null : turn > 0 ? high : -low, won: turn > 0 ? won : lost, lost: turn > 0 ? lost : won,
    }));
    const sure = found.filter((row) => row.p < .05).sort((x, y) => Math.abs(y.value) - Math.abs(x.value));
    const more = sure.length - MOST_NAMED;
    return page.card("By slices", {
      description: `Change of ${page.label(metric)} from A to B by slices: ${found.map((row) => `${row.kind} ${row.part} ${page.signed(row.value)} on ${row.n}`).join("; ")}`,
      above: h("p", {}, sure.length ? ["Beyond chance (p of McNemar's test, by Holm for the slices of a kind, below 5 %): ", sure.slice(0, MOST_NAMED).map((row, i) => [i ? ", " : "", h("b", {}, `${row.kind} ${row.part}`), ` ${page.signed(row.value)}`]), more > 0 ? ` and ${more} more, see the table` : ""] : "No slice shows a change that could not be chance."),
      about: `Points of ${page.label(metric)} ${kinds()}. Lines: 95 % interval (${HOW}, paired).${left(found)}${few()}`,
      table: {heads: ["slice", "n", "A", "B", "change (95 %)", "p (Holm)", "won", "lost"], rows: found.map((row) => [`${row.kind} ${row.part}`, row.n, page.percent(row.before), page.percent(row.after),
        page.signed(row.value) + (row.low === null ? "" : ` (${page.signed(row.low)} to ${page.signed(row.high)})`), row.p < .001 ? "<0.001" : row.p.toFixed(3), row.won, row.lost]), label: "Change by slices", sort: true},
      draw: chart(found, `points of ${page.label(metric)}, A to B`, 0, page.signed),
    });
  }

  /** Return where the change of two runs by slices stands once its file is there. */
  page.changedSlices = function (a, b, metric) {
    const key = `${Math.min(a, b)}-${Math.max(a, b)}`;
    const place = h("div", {class: "slices"});
    const fill = () => page.replace(place, page.data.slices.length ? changed(a, b, metric, page.pairs.get(key)) || [] : []);
    if (page.pairs.has(key)) fill();
    else page.load(`data/pair-${key}.js`).then(fill, () => page.replace(place, h("p", {class: "note"}, "The file of these two runs is missing: copy the whole folder of the page.")));
    return place;
  };
})();
