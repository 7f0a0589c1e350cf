"use strict";
// How sure a run's answers are: what is right of the surest, is confidence what it says, how many could be answered.
(function () {
  const h = page.h;
  const between = (low, high) => (low === null ? "" : ` (${page.percent(low)} to ${page.percent(high)})`);

  function coverage(found) {
    const points = found.curve.map(([x, y, from]) => ({x, y, from: from.toFixed(found.digits)}));
    const answered = found.answered && {x: found.answered[0], y: found.answered[1], low: found.answered[2] ?? found.answered[1], high: found.answered[3] ?? found.answered[1], said: `${found.answered[0].toFixed(0)} % answered, ${page.percent(found.answered[1])} % right`};
    const lowest = Math.min(found.wanted, ...points.map((point) => point.y), answered ? answered.low : 100);
    return page.card("Right of the surest answers: risk and coverage", {
      description: `Of the surest answers so many are right: ${found.rows.map(([x, y]) => `${x.toFixed(0)} % answered ${page.percent(y)} % right`).join(", ")}`,
      about: `From the surest answers on the left to all on the right; what is not right of them is the risk. Dashed: the ${found.wanted} % that is wanted.${answered ? " Diamond: what could be answered so, each threshold chosen on other questions, with its 95 % interval." : ""}`,
      table: {heads: ["answered, %", "right of those, %", "from confidence"], rows: found.rows.map(([x, y, from]) => [x.toFixed(0), page.percent(y), from.toFixed(found.digits)]), label: "Right of the surest answers"},
      draw: (c, width) => {
        const x = {field: "x", type: "quantitative", title: "answered, % (surest first)", scale: {domain: [0, 100], nice: false}};
        const y = {field: "y", type: "quantitative", title: "right of those, %", scale: {domain: [Math.max(0, Math.floor(lowest / 10) * 10 - 5), 101], nice: false, zero: false}};
        return {
          width: width - 70, height: 300,
          layer: [
            {data: {values: [{y: found.wanted}]}, mark: {type: "rule", strokeDash: [5, 4], color: c.wrong, strokeWidth: 1.5}, encoding: {y}},
            {data: {values: points}, mark: {type: "line", strokeWidth: 2.2, color: c.right, point: points.length <= 25 ? {size: 45, filled: true, color: c.right} : false}, encoding: {x, y}},
            {data: {values: points}, mark: {type: "point", size: 130, opacity: 0}, encoding: {x, y, tooltip: [{field: "x", title: "answered, %"}, {field: "y", title: "right of those, %"}, {field: "from", title: "from confidence"}]}},
            ...(answered ? [
              {data: {values: [answered]}, mark: {type: "rule", color: c.wrong, strokeWidth: 2}, encoding: {x, y: {...y, field: "low"}, y2: {field: "high"}}},
              {data: {values: [answered]}, mark: {type: "point", shape: "diamond", filled: true, size: 150, color: c.wrong, opacity: 1}, encoding: {x, y, tooltip: [{field: "said", title: "could be answered"}]}},
              {data: {values: [answered]}, mark: {type: "text", align: answered.x > 55 ? "right" : "left", dx: answered.x > 55 ? -10 : 10, dy: 14, fontWeight: 600}, encoding: {x, y, text: {field: "said"}, color: {value: c.wrong}}},
            ] : []),
          ],
        };
      },
    });
  }

  function calibration(found) {
    const bins = found.bins.map(([low, high, mean, n, right, from, to]) => ({x: 100 * mean, y: right, low: from ?? right, high: to ?? right, n, of: low === high ? low.toFixed(found.digits) : `${low.toFixed(found.digits)} to ${high.toFixed(found.digits)}`, said: page.percent(right) + between(from, to)}));
    const x = {field: "x", type: "quantitative", title: "confidence, %", scale: {domain: [0, 100], nice: false, padding: 6}};
    const y = {field: "y", type: "quantitative", title: "right, %", scale: {domain: [0, 100], nice: false, padding: 6}};
    return page.card("Calibration: is an answer as right as it is sure?", {
      description: `By confidence so many are right: ${bins.map((bin) => `${bin.of}: ${page.percent(bin.y)} % of ${bin.n}`).join(", ")}`,
      about: `Confidence is ${found.says}. Each point is a group of answers, the larger the more of them, with the 95 % interval of what is right, gold queries resampled. On the dashed line confidence is what it says; below it answers are surer than they are right.`,
      table: {heads: ["confidence", "answers", "mean confidence", "right, % (95 %)"], rows: [...bins].reverse().map((bin) => [bin.of, bin.n, (bin.x / 100).toFixed(found.digits), bin.said]), label: "Calibration"},
      draw: (c, width) => ({
        width: width - 70, height: 300,
        layer: [
          {data: {values: [{x: 0, y: 0}, {x: 100, y: 100}]}, mark: {type: "line", strokeDash: [4, 3], color: c.soft, strokeWidth: 1.2}, encoding: {x, y}},
          {data: {values: bins}, mark: {type: "rule", color: c.right, strokeWidth: 2}, encoding: {x, y: {...y, field: "low"}, y2: {field: "high"}}},
          {data: {values: bins}, mark: {type: "point", filled: true, color: c.right, opacity: 1}, encoding: {x, y, size: {field: "n", type: "quantitative", scale: {domain: [0, Math.max(...bins.map((bin) => bin.n))], range: [25, 260]}, legend: null}, tooltip: [{field: "of", title: "confidence"}, {field: "said", title: "right, %"}, {field: "n", title: "answers"}]}},
        ],
      }),
    });
  }

  function missing(run, found) {
    const {runs} = page.data;
    const others = runs.map((one, i) => [one, i]).filter(([one]) => one.confidence.sentence);
    return h("section", {class: "card", id: "no-sureness"}, h("h2", {}, "How sure its answers are is not known"),
      h("p", {}, h("bdi", {}, runs[run].label), " does not say how sure its answers are: ", found.why_not),
      others.length ? h("p", {}, "On this page these do: ", others.map(([one, i], n) => [n ? ", " : "", h("button", {type: "button", class: "link", click: () => page.go({run: i}, true)}, h("bdi", {}, one.label))])) : h("p", {class: "soft"}, "No run on this page does."));
  }

  page.views.confidence = function (place) {
    const run = page.run(), found = page.data.runs[run].confidence;
    page.replace(place,
      h("div", {class: "bar"}, page.select("Run", page.runs(), run, (value) => page.go({run: value}, true))),
      found.sentence ? [
        h("section", {class: "card", id: "answered"}, h("h2", {}, `How many could be answered at ${found.wanted} % precision`), h("p", {class: "verdict"}, found.sentence),
          h("p", {}, found.figures), found.left_out ? h("p", {}, found.left_out) : null,
          h("p", {class: "about"}, `Of ${page.count(found.n)} answers ${page.percent(found.right)} % are right by EX, whatever metric is chosen. ECE: how far confidence is from what is right, on average; Brier: its squared error; AURC: the mean risk over all coverages. Less is better for each.`)),
        h("div", {class: "grid"}, coverage(found), calibration(found))] : missing(run, found));
  };
})();
