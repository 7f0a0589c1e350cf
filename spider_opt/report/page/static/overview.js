"use strict";
// The first view: what came out, the ladder, every metric, accuracy against cost.
(function () {
  const h = page.h;
  const COSTS = [["completion_tokens", "answer tokens"], ["prompt_tokens", "prompt tokens"], ["seconds", "seconds"], ["calls", "calls of the model"], ["dollars", "dollars"]];
  const within = (said) => (said.query ? ` (${page.percent(said.query[0])} to ${page.percent(said.query[1])})` : "");

  function headline() {
    const {runs, benchmark} = page.data;
    const metric = page.metric();
    const best = page.best();
    const said = runs[best].metrics[metric];
    const tiles = [];
    const tile = (big, small) => tiles.push(h("div", {class: "tile"}, h("b", {}, big), h("span", {}, small)));
    if (said) tile(`${page.percent(said.value)} %`, [`${page.label(metric)}, best run: `, h("bdi", {}, runs[best].label), said.query ? `. 95 %: ${page.percent(said.query[0])} to ${page.percent(said.query[1])}` : ""]);
    const ladder = page.data.ladders[0];
    if (ladder && ladder.rungs.length > 1 && metric === page.data.metrics[0].name) {
      const ends = [ladder.rungs[0], ladder.rungs[ladder.rungs.length - 1]].map((rung) => runs[rung.run].metrics[metric]);
      if (ends[0] && ends[1] && ends[0].n === ends[1].n) tile(`${page.signed(ends[1].value - ends[0].value)}`, `points from the first rung (${ladder.rungs[0].name}) to the last (${ladder.rungs[ladder.rungs.length - 1].name}), ${ladder.model}`);
    }
    const all = page.data.questions.id.map((_, i) => i);
    const none = all.filter((i) => runs.every((_, r) => page.said(r, i, metric) !== null ? page.said(r, i, metric) === 0 : true) && runs.some((_, r) => page.said(r, i, metric) !== null));
    if (runs.length > 1) {
      const any = all.filter((i) => runs.some((_, r) => page.said(r, i, metric) === 1)).length;
      tile(`${page.percent((100 * any) / all.length)} %`, "of the questions are answered rightly by at least one run");
      tile(page.count(none.length), [h("button", {type: "button", class: "link", click: () => page.go({view: "questions", verdict: "none", q: ""})}, "questions that no run has right")]);
    } else {
      tile(page.count(none.length), [h("button", {type: "button", class: "link", click: () => page.go({view: "questions", verdict: "wrong", run: 0, q: ""})}, "questions that are not right")]);
    }
    const notes = [];
    if (!benchmark.has_text) notes.push(h("p", {class: "note"}, "The benchmark was not at hand when this page was made: it shows no questions, gold queries and results. Name its folder to have them (--spider DIR or --data DIR)."));
    return [...notes, h("div", {class: "tiles"}, tiles)];
  }

  function ladder() {
    const {ladders, runs} = page.data;
    const metric = page.metric();
    const shown = ladders.filter((one) => one.rungs.length > 1);
    if (!shown.length) return null;
    const points = [], talk = [];
    const order = [];
    for (const one of shown) {
      for (const rung of one.rungs) {
        if (!order.includes(rung.name)) order.push(rung.name);
        const said = runs[rung.run].metrics[metric];
        if (!said) continue;
        const [low, high] = said.query || [said.value, said.value];
        points.push({rung: page.plain(rung.name), model: page.plain(one.model), value: said.value, low, high, said: page.percent(said.value), gain: metric === page.data.metrics[0].name && rung.gain !== undefined ? page.signed(rung.gain) : ""});
        if (one === shown[0] && rung.talk && metric === page.data.metrics[0].name) talk.push({rung: page.plain(rung.name), value: rung.talk, model: "OpenAI's talk, 2023", said: rung.talk.toFixed(1)});
      }
    }
    const models = [...new Set(points.map((point) => point.model))];
    const beside = Object.fromEntries(models.map((model, i) => [model, i]));
    const ranked = page.data.ranked_by && metric === page.data.metrics[0].name;
    const rank = (run) => (run.rank ? `${run.rank.rank}${run.rank.group ? " " + run.rank.group : ""}` : "-");
    const rows = shown.flatMap((one) => one.rungs.map((rung) => {
      const said = runs[rung.run].metrics[metric];
      return [rung.name, one.model, said ? page.percent(said.value) + within(said) : "-", ...(ranked ? [rank(runs[rung.run])] : []), rung.gain === undefined ? "-" : page.signed(rung.gain) + (rung.between ? ` (${page.signed(rung.between[0])} to ${page.signed(rung.between[1])})` : ""), rung.talk ? rung.talk.toFixed(1) : "-", (rung.beside || []).join("; ") || rung.not_compared || "-"];
    }));
    return page.card("The ladder", {
      description: `${page.label(metric)} by rung: ${points.map((p) => `${p.model} ${p.rung} ${p.said}`).join(", ")}`,
      about: "Whiskers: 95 % interval, gold queries resampled. Signed numbers: points over the rung below, on the same questions. Diamonds: what OpenAI told of its own models at DevDay 2023, without n or error." + (ranked ? " " + page.data.ranked_by : ""),
      table: {heads: ["rung", "model", page.label(metric), ...(ranked ? ["rank"] : []), "gain (95 %)", "talk", "beside the step"], rows, label: "The ladder"},
      draw: (c, width) => {
        const label = order.reduceRight((rest, name, i) => `datum.value == ${i} ? ${JSON.stringify(page.plain(name))} : ${rest}`, "''");
        const x = {field: "at", type: "quantitative", scale: {domain: [-.4, order.length - .5], nice: false}, axis: {title: null, values: order.map((_, i) => i), labelExpr: label, labelAngle: width < 700 ? -40 : 0, labelLimit: 130, grid: false, ticks: false}};
        const y = {field: "value", type: "quantitative", title: `${page.label(metric)}, %`, scale: {zero: false, nice: true}};
        const colour = {field: "model", type: "nominal", scale: {domain: [...models, ...(talk.length ? ["OpenAI's talk, 2023"] : [])], range: [...c.series.slice(0, models.length), c.soft]}, legend: {title: null, orient: "top"}};
        const dodge = width > 600 ? .16 : .08;
        for (const point of [...points, ...talk]) point.at = order.map(page.plain).indexOf(point.rung) + (point.model in beside ? beside[point.model] * dodge : 0);
        return {
          width: width - 70, height: 320, data: {values: points},
          layer: [
            {mark: {type: "line", strokeWidth: 2, strokeOpacity: .5}, encoding: {x, y, color: colour}},
            {mark: {type: "rule", strokeWidth: 2}, encoding: {x, y: {field: "low", type: "quantitative", scale: {zero: false}}, y2: {field: "high"}, color: colour}},
            {mark: {type: "point", filled: true, size: 90, opacity: 1}, encoding: {x, y, color: colour, ...dodge, tooltip: [{field: "model"}, {field: "rung"}, {field: "said", title: page.label(metric)}, {field: "gain", title: "points over the rung below"}]}},
            {mark: {type: "text", dx: 7, dy: -8, align: "left", fontWeight: 600}, encoding: {x, y, text: {field: "said"}, color: colour}},
            ...(width > 700 ? [{mark: {type: "text", dx: 8, dy: 8, align: "left", fontSize: 11}, encoding: {x, y, text: {field: "gain"}, color: {value: c.soft}}}] : []),
            ...(talk.length ? [{data: {values: talk}, mark: {type: "line", strokeDash: [4, 4], point: {shape: "diamond", size: 90, filled: true}}, encoding: {x, y, color: colour, tooltip: [{field: "model"}, {field: "rung"}, {field: "value"}]}},
              {data: {values: talk}, mark: {type: "text", dy: -13}, encoding: {x, y, text: {field: "said"}, color: {value: c.soft}}}] : []),
          ],
        };
      },
    });
  }

  function metrics() {
    const {runs, metrics: names} = page.data;
    const points = runs.flatMap((run) => names.filter((one) => run.metrics[one.name]).map((one) => {
      const said = run.metrics[one.name];
      const [low, high] = said.query || [said.value, said.value];
      return {run: page.plain(run.label), metric: one.label, value: said.value, low, high, n: said.n, said: page.percent(said.value) + within(said)};
    }));
    const interval = (span) => (span ? `${page.percent(span[0])} to ${page.percent(span[1])}` : "-");
    const rows = runs.flatMap((run) => names.filter((one) => run.metrics[one.name]).map((one) => {
      const said = run.metrics[one.name];
      return [run.label, one.label, said.n, page.percent(said.value), interval(said.query), interval(said.database)];
    }));
    return page.card("Accuracy under every metric", {
      description: `Accuracy of ${runs.length} runs under ${names.length} metrics, with 95 % intervals; the table beside has the numbers.`,
      about: [names.map((one) => `${one.label}: ${one.about}.`).join(" "), " Lines: 95 % intervals, gold queries resampled. The table also has those by database, which say how far the number would hold on other databases."],
      table: {heads: ["run", "metric", "n", "%", "95 % by gold query", "95 % by database"], rows, label: "Accuracy under every metric", sort: true},
      draw: (c, width) => ({
        width: Math.max(140, width - Math.min(280, width * .42)), height: {step: names.length > 3 ? 9 : 13}, data: {values: points},
        encoding: {
          y: {field: "run", type: "nominal", sort: null, title: null, axis: {labelLimit: Math.min(250, width * .38), grid: true}, scale: {paddingInner: .35}},
          yOffset: {field: "metric", sort: names.map((one) => one.label)},
          color: {field: "metric", type: "nominal", sort: names.map((one) => one.label), scale: {domain: names.map((one) => one.label), range: c.series}, legend: {title: null, orient: "top", columns: width < 600 ? 2 : 0}},
          tooltip: [{field: "run"}, {field: "metric"}, {field: "said", title: "%"}, {field: "n"}],
        },
        layer: [
          {mark: {type: "rule", strokeWidth: 2}, encoding: {x: {field: "low", type: "quantitative", title: "percent", scale: {zero: false, nice: true}}, x2: {field: "high"}}},
          {mark: {type: "point", filled: true, size: 46, opacity: 1}, encoding: {x: {field: "value", type: "quantitative"}, shape: {field: "metric", sort: names.map((one) => one.label), legend: {title: null, orient: "top", columns: width < 600 ? 2 : 0}}}},
        ],
      }),
    });
  }

  function cost() {
    const {runs} = page.data;
    const metric = page.metric();
    const there = COSTS.filter(([name]) => runs.some((run) => run.costs && run.costs[name]));
    if (!there.length) return null;
    const name = there.some(([one]) => one === page.state.cost) ? page.state.cost : there[0][0];
    const label = there.find(([one]) => one === name)[1];
    const points = runs.filter((run) => run.costs && run.costs[name] !== null && run.metrics[metric]).map((run) => {
      const said = run.metrics[metric];
      return {run: page.plain(run.label), cost: run.costs[name], correct: run.costs.per_correct[name], value: said.value, low: (said.query || [said.value])[0], high: (said.query || [0, said.value])[1], asked: run.asked, said: page.percent(said.value) + within(said)};
    });
    if (!points.length) return null;
    const ahead = (a, b) => a.cost <= b.cost && a.value >= b.value && (a.cost < b.cost || a.value > b.value);
    points.forEach((point) => { point.frontier = points.some((other) => ahead(other, point)) ? "no" : "yes"; });
    const frontier = points.filter((point) => point.frontier === "yes").sort((a, b) => a.cost - b.cost);
    const values = points.map((point) => point.cost).filter((value) => value > 0);
    const log = values.length === points.length && Math.max(...values) / Math.min(...values) > 8;
    return page.card("Accuracy against cost", {
      above: h("div", {class: "bar"}, page.select("Cost of a question", there, name, (value) => page.go({cost: value}, true))),
      description: `${page.label(metric)} against ${label} of a question. On the frontier: ${frontier.map((point) => `${point.run} (${point.said})`).join(", ")}`,
      about: `On the frontier (diamonds, joined by a line) are the runs that no other beats at the same cost or less. Mean of a question.${name === "seconds" ? " Seconds compare only where the same computed them: see the table of runs." : ""}`,
      table: {heads: ["run", label, "of a right answer", page.label(metric), "on the frontier", "computed by"], rows: [...points].sort((a, b) => a.cost - b.cost).map((p) => [p.run, Number(p.cost.toPrecision(4)), p.correct === null ? "-" : Number(p.correct.toPrecision(4)), p.said, p.frontier, p.asked || "-"]), label: "Accuracy against cost", sort: true},
      draw: (c, width) => {
        const x = {field: "cost", type: "quantitative", title: `${label} of a question${log ? " (logarithmic)" : ""}`, scale: log ? {type: "log", padding: 30, nice: false} : {zero: false, padding: 30, nice: false}, axis: {tickCount: log ? 4 : 6, format: "~s", labelOverlap: true, labelSeparation: 8}};
        const y = {field: "value", type: "quantitative", title: `${page.label(metric)}, %`, scale: {zero: false, padding: 16}};
        return {
          width: width - 70, height: 320, data: {values: points},
          layer: [
            {transform: [{filter: "datum.frontier === 'yes'"}], mark: {type: "line", interpolate: "step-after", strokeDash: [5, 4], color: c.right}, encoding: {x, y}},
            {mark: {type: "point", filled: true, size: 110, opacity: 1}, encoding: {x, y, color: {field: "frontier", scale: {domain: ["yes", "no"], range: [c.right, c.soft]}, legend: null}, shape: {field: "frontier", scale: {domain: ["yes", "no"], range: ["diamond", "circle"]}, legend: null}, tooltip: [{field: "run"}, {field: "cost", title: label, format: ",.4~g"}, {field: "said", title: page.label(metric)}]}},
            {name: "names", mark: {type: "text", fontSize: 11, limit: 230}, encoding: {x, y, text: {field: "run"}, color: {value: c.ink}}},
          ],
        };
      },
    });
  }

  page.views.overview = function () {
    page.replace(document.getElementById("headline"), headline());
    page.replace(document.getElementById("overview"), ladder(), h("div", {class: "grid"}, metrics(), cost()));
    const title = document.getElementById("headline");
    title.after(...[document.getElementById("overview"), document.getElementById("runs")]);
  };
})();
