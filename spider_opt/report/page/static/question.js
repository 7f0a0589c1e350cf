"use strict";
// One question: what was asked, what each step saw and said, both queries and both results side by side, every verdict.
(function () {
  const h = page.h;
  let showing = null;

  const code = (text, label) => h("pre", {tabindex: "0", "aria-label": label || null}, text);
  const pieces = (list, label) => h("pre", {tabindex: "0", "aria-label": label || null}, list.map(([text, differs]) => (differs ? h("mark", {}, text) : text)));
  const cell = (value) => {
    if (value === null) return h("span", {class: "soft"}, "NULL");
    if (typeof value === "object") return "n" in value ? value.n : `x'${value.b}${value.length * 2 > value.b.length ? "\u2026" : ""}' (${value.length} bytes)`;
    return typeof value === "string" && value === "" ? h("span", {class: "soft"}, "(empty text)") : String(value);
  };

  /** Return the gold that an answer's verdict is by: its position, what is told of it, and its name. */
  function gold(record, answer) {
    const golds = record.golds || [], at = record.queries[answer.query].gold || 0;
    const name = (number) => (golds.length > 1 ? `Gold ${number + 1} of ${golds.length}` : "Gold");
    const others = golds.map((one, number) => [one, number]).filter(([, number]) => number !== at);
    return {met: golds[at], name: name(at), others: others.length ? h("details", {}, h("summary", {}, page.several(others.length, "further gold query", "further gold queries")), others.map(([one, number]) => code(one.sql, name(number)))) : null};
  }

  function queries(record, answer) {
    const query = record.queries[answer.query];
    const [left, right] = query.pieces;
    const none = !query.sql.trim();
    const {met: first, name, others} = gold(record, answer);
    return h("section", {class: "card"}, h("h3", {}, "Queries"),
      h("div", {class: "two"},
        h("div", {}, h("h4", {}, name), left && first ? pieces(left, `${name}: query`) : h("p", {class: "soft"}, "The gold query is not at hand."), others),
        h("div", {class: "pred"}, h("h4", {}, "Answer"), none ? h("p", {class: "soft"}, "There is no SQL in the answer.") : pieces(right, "Answered query"))),
      h("p", {class: "about"}, query.own_names ? "Laid out, each column under its table\u2019s own name; what differs is marked and underlined." : left ? "What differs is marked and underlined." : ""),
      first || !none ? h("details", {}, h("summary", {}, "As they were written"), h("div", {class: "two"}, first ? code(first.sql, "Gold, as written") : h("div"), none ? null : code(query.sql, "Answer, as written"))) : null);
  }

  function results(record, answer) {
    const query = record.queries[answer.query];
    const {met: first, name} = gold(record, answer);
    if (!first) return null;
    const title = h("h3", {}, "Results");
    const count = (result) => (result.n === null ? "more than 2,000 rows" : page.several(result.n, "row"));
    const lone = (result, label) => h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": label}, h("table", {class: "rows"},
      h("thead", {}, h("tr", {}, result.columns.map((name) => h("th", {scope: "col"}, name)))),
      h("tbody", {}, result.rows.map((row) => h("tr", {}, row.map((value) => h("td", {}, cell(value))))))));
    const failed = query.error || (!query.result && answer.detail);
    if (first.error) return h("section", {class: "card"}, title, h("p", {class: "note"}, "The gold query fails here: ", first.error), query.result ? lone(query.result, "What the answer gives") : null);
    if (!first.result) return null;
    if (!query.beside) {
      return h("section", {class: "card"}, title, h("div", {class: "two"},
        h("div", {}, h("h4", {}, `${name} gives ${count(first.result)}`), lone(first.result, "What gold gives")),
        h("div", {}, h("h4", {}, "The answer gives nothing"), h("p", {class: "wrong text"}, failed || "It was not run."))));
    }
    const {pairs, n_differ: differ, n_pairs: n, columns} = query.beside;
    const width = first.result.columns.length, other = query.result.columns.length;
    const row = ([left, right, marks, others]) => {
      const cells = [];
      for (let i = 0; i < Math.max(width, 1); i += 1) cells.push(h("td", {class: [(left === null || marks.includes(i)) && left !== null ? "differs" : "", i === width - 1 ? "gap" : ""].join(" ").trim() || null}, left === null ? (i ? "" : h("span", {class: "soft"}, "no such row")) : cell(left[i] === undefined ? "" : left[i])));
      for (let i = 0; i < Math.max(other, 1); i += 1) cells.push(h("td", {class: right !== null && others.includes(i) ? "b differs" : null}, right === null ? (i ? "" : h("span", {class: "soft"}, "no such row")) : cell(right[i] === undefined ? "" : right[i])));
      return h("tr", {}, cells);
    };
    const told = differ ? `${page.several(differ, "row")} of ${page.count(n)} ${differ === 1 ? "differs" : "differ"}` : n ? "No cell differs" : "Both give no rows";
    return h("section", {class: "card"}, title,
      h("p", {}, h("b", {class: differ ? "wrong" : "right"}, told), ` \u00b7 ${name.toLowerCase()} ${count(first.result)}, answer ${count(query.result)}`, pairs.length < n ? ` \u00b7 ${pairs.length} shown${differ ? ", those that differ first" : ""}` : "", columns && width === other ? " \u00b7 columns stand in another order" : ""),
      pairs.length ? h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Both results side by side"}, h("table", {class: "rows"},
        h("thead", {}, h("tr", {}, h("th", {scope: "colgroup", colspan: Math.max(width, 1)}, name), h("th", {scope: "colgroup", colspan: Math.max(other, 1)}, "Answer")),
          h("tr", {}, first.result.columns.map((name) => h("th", {scope: "col"}, name)), query.result.columns.map((name) => h("th", {scope: "col"}, name)))),
        h("tbody", {}, pairs.map(row)))) : null,
      first.result.n_columns > width || query.result.n_columns > other ? h("p", {class: "about"}, "Only the first 40 columns are shown.") : null);
  }

  function verdicts(answer, run, question) {
    const {metrics, verdicts: all} = page.data;
    if (answer.failed_gold) return h("section", {class: "card"}, h("h3", {}, "Verdict"), h("p", {class: "note"}, "This question counts nowhere: ", answer.failed_gold));
    const rows = metrics.map((one) => [one, page.said(run, question, one.name)]).filter(([, value]) => value !== null).map(([one, value]) => [
      one.label, h("b", {class: value === 1 ? "right" : "wrong"}, value === 1 ? "\u2713 right" : value === 0 ? "\u2717 wrong" : value.toFixed(2)), one.about]);
    const reason = all[run].reasons[question];
    return h("section", {class: "card"}, h("h3", {}, "Verdict"),
      h("p", {}, h("b", {class: answer.outcome === "correct" ? "right" : "wrong"}, answer.outcome.replace(/_/g, " ")), reason && reason !== "right" ? [" \u00b7 why: ", h("b", {}, reason)] : "", answer.detail ? [" \u00b7 ", h("span", {class: "text"}, answer.detail)] : ""),
      (answer.reasons || []).length ? h("ul", {class: "reasons"}, answer.reasons.map(([kind, what]) => h("li", {}, h("b", {}, kind), what ? [": ", h("span", {class: "text"}, what)] : ""))) : null,
      sure(answer, run),
      answer.cut ? h("p", {class: "note"}, "The answer was cut at the token limit.") : null,
      page.table({heads: ["metric", "says", "what it asks"], rows, label: "Verdict under each metric"}),
      labels(answer));
  }

  function sure(answer, run) {
    const {says, digits} = page.data.runs[run].confidence;
    if (!answer.confidence) return h("p", {class: "soft"}, "This run kept nothing that tells how sure the answer is.");
    const [value, why] = answer.confidence;
    return h("p", {class: "sure"}, "Confidence ", h("b", {}, value.toFixed(digits)), `: ${why || says}`);
  }

  function labels(answer) {
    if (!(answer.labels || []).length) return null;
    return [h("h4", {}, "Labels"), h("dl", {class: "facts"}, answer.labels.map((label) => [h("dt", {}, label.by),
      h("dd", {}, h("b", {}, label.said), label.reason ? `: ${label.reason}` : "", label.corrected ? [" \u00b7 corrected: ", h("code", {}, label.corrected)] : "")]))];
  }

  function context(record, answer, run) {
    const measures = Object.entries(answer.context);
    const steps = answer.trace.filter((step) => "tables" in step || "demos" in step || "n_values" in step || "values" in step || "level" in step);
    return h("section", {class: "card"}, h("h3", {}, "What was retrieved"),
      (answer.values || []).length ? [h("h4", {}, "Values found in the database"), h("ul", {class: "reasons"}, answer.values.map(([table, column, value]) => h("li", {}, h("code", {}, `${table}.${column}`), " = ", h("code", {}, cell(value)))))] : null,
      (answer.tables || []).length ? h("p", {}, "Tables shown: ", answer.tables.join(", ")) : null,
      steps.length ? steps.map((step) => facts(step, ["prompt", "raw", "answer"])) : h("p", {class: "soft"}, "No step of this method retrieves anything: the whole schema was shown."),
      measures.length ? [h("h4", {}, "Of what gold uses, and of what was brought"), h("dl", {class: "facts"}, measures.map(([name, value]) => [h("dt", {}, name.replace(/_/g, " ")), h("dd", {}, `${(100 * value).toFixed(0)} %`)]))] : h("p", {class: "soft"}, "Its context was not measured."));
  }

  function facts(step, without) {
    const told = Object.entries(step).filter(([name]) => name !== "step" && !without.includes(name));
    return h("div", {}, h("h4", {}, step.step || "step"), told.length ? h("dl", {class: "facts"}, told.map(([name, value]) => [h("dt", {}, name.replace(/^n_/, "number of ").replace(/_/g, " ")),
      h("dd", {}, Array.isArray(value) ? (value.length || name === "tables" ? (value.length ? value : ["all"]).map((one) => (typeof one === "object" ? JSON.stringify(one) : String(one))).join(", ") : "none") : value !== null && typeof value === "object" ? JSON.stringify(value) : String(value))])) : h("p", {class: "soft"}, "It told nothing."));
  }

  /** Return a prompt: so many characters of one that another question had, and what follows. */
  function prompt([base, n, rest]) {
    const whole = page.chunks.get(page.data.questions.chunk[showing]).prompts[base];
    return Array.from(whole).slice(0, n).join("") + rest;
  }

  function steps(record, answer, run) {
    const prompts = answer.trace.filter((step) => typeof step.prompt === "string");
    const usage = Object.entries(answer.usage).filter(([, value]) => value);
    const missing = page.data.runs[run].missing;
    return h("section", {class: "card"}, h("h3", {}, "Prompt, raw answer and steps"),
      answer.prompt ? h("details", {}, h("summary", {}, "The prompt of the first call"), code(prompt(answer.prompt), "Prompt"), h("p", {class: "about"}, `Made again by spider-opt ${page.data.version} from the method, the question and the database: a run folder holds no text of the benchmark. What later calls were asked depends on the answers before.`))
        : prompts.length ? null : h("p", {class: "soft"}, `The prompt cannot be made again: ${answer.no_prompt || "the benchmark is not at hand"}.`),
      prompts.map((step) => h("details", {}, h("summary", {}, `Prompt of ${step.step}`), code(step.prompt, "Prompt"))),
      answer.raw ? [h("h4", {}, "What the model said"), code(answer.raw, "Raw answer")] : null,
      h("h4", {}, "Steps, innermost first"), answer.trace.map((step) => facts(step, ["prompt"])),
      usage.length ? [h("h4", {}, "Cost"), h("dl", {class: "facts"}, usage.map(([name, value]) => [h("dt", {}, name.replace(/_/g, " ")), h("dd", {}, page.count(value))]))] : null,
      missing.length ? h("p", {class: "about"}, `This run did not keep ${missing.join(", ")}: it was made before they were, or by code that tells none.`) : null);
  }

  function candidates(record, answer) {
    if (!answer.candidates.length) return null;
    const groups = new Map();
    for (const one of answer.candidates) if (one.digest) groups.set(one.digest, (groups.get(one.digest) || 0) + one.n);
    const chosen = record.queries[answer.query].sql;
    return h("section", {class: "card"}, h("h3", {}, `Candidates: ${page.count(answer.n_candidates)}`),
      page.table({heads: ["step", "times", "outcome", "votes for this result", "query", "log prob"], label: "Candidates and their votes", rows: answer.candidates.map((one) => [
        one.step + (one.sample ? ` \u00b7 ${one.sample}` : ""), one.n, one.outcome.replace(/_/g, " "), one.digest ? `${groups.get(one.digest)} (result ${one.digest})` : "-",
        [one.sql === chosen ? h("b", {class: "right"}, "\u2713 the answer ") : "", code(one.laid_out || one.sql || "(no SQL)"), one.text ? h("details", {}, h("summary", {}, "What the model said"), code(one.text)) : ""],
        one.logprob === null ? "-" : Number(one.logprob.toFixed(3))])}),
      answer.n_candidates > answer.candidates.length ? h("p", {class: "about"}, `The first ${answer.candidates.length} are shown.`) : null);
  }

  function schema(record, db, answer) {
    const chunk = page.chunks.get(page.data.questions.chunk[showing]);
    const found = chunk.schemas[db];
    if (!found) return null;
    const golds = new Set((gold(record, answer).met || {}).used || []), mine = new Set(record.queries[answer.query].used || []);
    const marks = (name) => [golds.has(name) ? h("span", {class: "right", title: "gold uses it"}, " \u25cf gold") : "", mine.has(name) ? h("span", {class: "wrong", title: "the answer uses it"}, " \u25cb answer") : ""];
    return h("section", {class: "card"}, h("details", {open: true}, h("summary", {}, "Schema of ", h("bdi", {}, db)),
      h("div", {class: "schema"}, found.tables.map((table) => h("div", {}, h("b", {}, h("bdi", {}, table.name)), marks(table.name),
        h("ul", {}, table.columns.map(([name, type, key, about]) => h("li", {title: about || null}, h("bdi", {}, name), " ", h("small", {}, type, key ? " key" : ""), marks(`${table.name}.${name}`))))))),
      found.foreign_keys.length ? h("p", {class: "about"}, "Foreign keys: ", found.foreign_keys.map(([t, c, rt, rc], i) => [i ? ", " : "", h("code", {}, `${t}.${c} \u2192 ${rt}.${rc}`)])) : null));
  }

  function fill(place, question) {
    const {questions, runs} = page.data;
    const chunk = page.chunks.get(questions.chunk[question]);
    const record = chunk.records.find((one) => one.index === questions.index[question]);
    const run = page.run(), metric = page.metric();
    const answer = record.answers[run];
    const tags = [questions.db[question], questions.hardness[question], questions.kind[question]].filter((one) => one !== "unknown" && one !== "-");
    const others = runs.length > 1 ? h("div", {class: "chips", role: "group", "aria-label": "Runs: choose whose answer is shown"}, runs.map((one, r) => {
      const said = page.said(r, question, metric), reason = page.data.verdicts[r].reasons[question];
      return h("button", {type: "button", "aria-pressed": String(r === run), title: record.answers[r] ? reason : "not asked", click: () => page.go({run: r}, true)},
        h("b", {class: said === 1 ? "right" : said === null ? "soft" : "wrong"}, page.sign(said), h("span", {class: "sr"}, said === 1 ? "right" : said === null ? "not judged" : "not right")), " ", h("bdi", {}, one.label), said !== null && said < 1 && reason && reason !== "right" ? h("small", {}, " ", reason) : null);
    })) : null;
    const head = h("section", {class: "card one"}, h("button", {type: "button", class: "back", click: page.back}, "\u2190 All questions"),
      h("h2", {}, record.question === undefined ? `Question ${questions.index[question]}` : record.question),
      record.notes ? h("p", {class: "text"}, h("b", {}, "Told beside it: "), record.notes) : null,
      h("p", {}, h("span", {class: "tag"}, questions.id[question]), tags.map((one) => h("span", {class: "tag"}, one))), others);
    if (!answer) { page.replace(place, head, h("p", {class: "empty card"}, `${runs[run].label} was not asked this question.`)); return; }
    page.replace(place, head, h("h2", {class: "sr"}, `Answer of ${runs[run].label}`), verdicts(answer, run, question), queries(record, answer), results(record, answer),
      candidates(record, answer), context(record, answer, run), steps(record, answer, run), schema(record, questions.db[question], answer));
  }

  page.question = function (place, question) {
    showing = question;
    const number = page.data.questions.chunk[question];
    const key = `${question} ${page.run()} ${page.metric()}`;
    if (place.dataset.key === key) return;
    if (page.chunks.has(number)) { place.dataset.key = key; fill(place, question); return; }
    page.load(`data/questions-${String(number).padStart(3, "0")}.js`).then(() => {
      if (showing === question) { place.dataset.key = `${question} ${page.run()} ${page.metric()}`; fill(place, question); }
    }, () => { place.dataset.key = ""; page.replace(place, h("p", {class: "note"}, "The file of this question is missing: copy the whole folder of the page.")); });
  };
})();
