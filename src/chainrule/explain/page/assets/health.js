// Health: how large values and gradients are, block by block and with depth, and what stands out.

const MOST_VITALS = 300;

chainrule.section("health", "Health", (section) => {
  const shown = el("div");
  const draw = () => shown.replaceChildren(...drawnHealth(chainrule.changed ? healthNow() : chainrule.story.health));
  section.append(shown);
  draw();
  chainrule.on("values", draw);
});

function drawnHealth({ findings, vitals }) {
  const shown = vitals.slice(0, MOST_VITALS);
  const table = el("table.vitals", {},
    el("thead", {},
      el("tr", {}, el("th", { scope: "col", rowspan: 2 }, "name"), el("th", { scope: "col", rowspan: 2 }, "block"),
        el("th.value", { scope: "colgroup", colspan: 4 }, "value"), el("th.gradient", { scope: "colgroup", colspan: 3 }, "gradient")),
      el("tr", {}, ["spread", "norm", "rms", "zeros", "spread", "rms", "zeros"].map((head) => el(`th${head === "spread" ? "" : ".number"}`, { scope: "col" }, head)))),
    el("tbody", {}, shown.map(vitalRow)));
  const told = shown.length < vitals.length ? [el("p.hint", {}, `The first ${shown.length} of ${vitals.length}; the chart has all.`)] : [];
  return [
    findings.length
      ? el("ul.findings", {}, findings.map((finding) => el("li", {}, finding)))
      : el("p", {}, "All numbers are finite; nothing else stands out."),
    depthChart(vitals),
    el("details", { open: vitals.length <= 40 }, el("summary", {}, "Every block in numbers"), ...told, el("div.scroll", {}, table)),
  ];
}

// Of other numbers than the recorded ones ---------------------------------------------------------------------------

/** The statistics of numbers that were computed here, as those of the story. */
function statisticsOf(numbers) {
  const finite = numbers.map(Number).filter(Number.isFinite);
  const [minimum, maximum] = [Math.min(...finite), Math.max(...finite)];
  const norm = Math.hypot(...finite);
  const histogram = new Array(minimum < maximum ? BINS : 0).fill(0);
  if (histogram.length) for (const x of finite) histogram[Math.min(BINS - 1, Math.floor(((x - minimum) / (maximum - minimum)) * BINS))] += 1;
  const nans = numbers.filter((x) => Number.isNaN(Number(x))).length;
  return {
    size: numbers.length, norm, rms: norm / Math.sqrt(finite.length), minimum, maximum,
    mean: finite.reduce((a, b) => a + b, 0) / finite.length, zeros: numbers.filter((x) => Number(x) === 0).length / numbers.length,
    nans, infinities: numbers.length - finite.length - nans, histogram,
  };
}
const BINS = 20;

/** The health of the numbers that are shown now. */
function healthNow() {
  const { vitals, deep, far, atOnce } = chainrule.story.health;
  const now = vitals.map((vital) => {
    const { value, gradient } = chainrule.steps[vital.step];
    return { ...vital, value: value.statistics ?? vital.value, gradient: gradient && (gradient.statistics ?? vital.gradient), dead: deadUnits(vital.step) };
  });
  const bad = notFinite(now, "value", "forward") ?? notFinite([...now].reverse(), "gradient", "backward");
  const dead = now.filter((vital) => vital.dead?.[0]).map(({ step, dead: [n, all] }) => `${n} of ${all} units of ${nameOf(step)} (${chainrule.steps[step].block}) ${n === 1 ? "is" : "are"} 0 for every sample; no gradient passes through.`);
  return { vitals: now, findings: [bad, ...dead, withDepth(now, deep, far, atOnce)].filter(Boolean) };
}

function notFinite(vitals, kind, pass) {
  const found = vitals.find((vital) => vital[kind] && (vital[kind].nans || vital[kind].infinities));
  if (!found) return null;
  const [step, loss] = [chainrule.steps[found.step], nameOf(chainrule.story.loss)];
  const name = kind === "value" ? step.name.t : `∂${loss}/∂${step.name.t}`;
  return `The first ${found[kind].nans ? "NaN" : "Inf"} of the ${pass} pass is in ${name} (${step.block}).`;
}

/** How many columns are 0 for every sample, if the block itself made zeros; null if not applicable. */
function deadUnits(place) {
  const step = chainrule.steps[place];
  const zeros = (v) => (v.numbers ?? []).filter((x) => Number(x) === 0).length;
  if (!step.formula || !step.value.numbers || step.value.shape.length !== 2 || step.value.shape[0] < 2 || !zeros(step.value)) return null;
  if (step.operands.some((operand) => zeros(chainrule.steps[operand].value) >= zeros(step.value))) return null;
  const rows = rowsOf(step.value);
  return [rows[0].filter((_, j) => rows.every((r) => Number(r[j]) === 0)).length, rows[0].length];
}

/** Whether gradients are much smaller or larger near the inputs than near the loss. */
function withDepth(vitals, deep, far, atOnce) {
  const inner = vitals.filter(({ depth, gradient }) => depth > 0 && gradient && !gradient.nans && !gradient.infinities && gradient.rms > 0);
  const arrays = inner.filter(({ gradient }) => gradient.size > 1);
  const sorted = (arrays.length ? arrays : inner).sort((a, b) => a.depth - b.depth);
  if (!sorted.length) return null;
  const last = sorted.find((vital) => vital.depth === sorted.at(-1).depth);
  const first = sorted.find(({ depth, gradient }) => {
    const [bound, ratio] = [last.depth - depth >= deep ? far : atOnce, gradient.rms / last.gradient.rms];
    return ratio < 1 / bound || ratio > bound;
  });
  if (!first) return null;
  const [blocks, ratio] = [last.depth - first.depth, first.gradient.rms / last.gradient.rms];
  const told = ({ step, gradient }) => `${gradient.rms.toPrecision(2)} (∂${nameOf(chainrule.story.loss)}/∂${nameOf(step)})`;
  return `Gradients ${ratio < 1 ? "vanish" : "explode"}: over ${blocks} block${blocks === 1 ? "" : "s"} their root mean square goes from ${told(last)} to ${told(first)}.`;
}

function vitalRow({ step, value, gradient, dead }) {
  const { name, block } = chainrule.steps[step];
  const go = () => { reveal(step); chainrule.select({ step }); show(inSight(step)); };
  return el("tr", {},
    el("th", { scope: "row" }, el("button.link", { onclick: go }, math(name.m))), el("td", {}, block),
    el("td", {}, histogram(value, "value")), el("td.number", {}, amount(value, "norm")), el("td.number", {}, amount(value, "rms")),
    el("td.number", {}, share(value), dead?.[0] ? el("span.kind", {}, `, ${dead[0]} of ${dead[1]} units dead`) : null),
    el("td", {}, gradient && histogram(gradient, "gradient")), el("td.number", {}, gradient && amount(gradient, "rms")),
    el("td.number", {}, gradient && share(gradient)));
}

const amount = (s, which) => (s.nans ? `${s.nans} NaN` : s.infinities ? `${s.infinities} Inf` : short(Number(s[which])));
const share = (s) => (s.zeros ? `${Math.round(100 * s.zeros)}%` : "");

/** How the entries are spread between the smallest and the largest. */
function histogram(s, kind) {
  if (s.histogram.length < 2) return null;
  const top = Math.max(...s.histogram);
  const bars = s.histogram.map((n, i) => `M${4 * i} 20v${((-20 * n) / top).toFixed(1)}h3v${((20 * n) / top).toFixed(1)}z`).join("");
  const told = `from ${short(Number(s.minimum))} to ${short(Number(s.maximum))}, mean ${short(Number(s.mean))}`;
  return drawing(4 * s.histogram.length, 20, told, [["path", { d: bars, class: `bars ${kind}` }]]);
}

function drawing(width, height, label, parts) {
  const svg = (tag, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, x] of Object.entries(attributes)) made.setAttribute(key, x);
    if (text != null) made.textContent = text;
    return made;
  };
  const made = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
  made.append(svg("title", {}, label), ...parts.map(([tag, attributes, text]) => svg(tag, attributes, text)));
  return made;
}

/** Root mean squares with depth, on a logarithmic scale: gradients that vanish or explode are a slope. */
function depthChart(vitals) {
  const [width, height, left, bottom] = [640, 190, 52, 34];
  const dots = vitals.flatMap(({ step, depth, value, gradient }) => [["value", value], ["gradient", gradient]]
    .filter(([, s]) => s && Number(s.rms) > 0 && Number.isFinite(Number(s.rms)))
    .map(([kind, s]) => ({ kind, step, depth, power: Math.log10(Number(s.rms)) })));
  const deepest = Math.max(1, ...vitals.map((v) => v.depth));
  const low = Math.floor(Math.min(0, ...dots.map((d) => d.power)));
  const high = Math.max(low + 1, Math.ceil(Math.max(0, ...dots.map((d) => d.power))));
  const x = (depth) => left + 10 + ((width - left - 20) * depth) / deepest;
  const y = (power) => 8 + ((height - bottom - 16) * (high - power)) / (high - low);
  const every = Math.max(1, Math.ceil((high - low) / 5));
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => high - i).filter((_, i) => i % every === 0);
  const parts = [
    ...ticks.map((p) => ["path", { d: `M${left} ${y(p)}H${width}`, class: "grid" }]),
    ...ticks.map((p) => ["text", { x: left - 8, y: y(p) + 4, "text-anchor": "end" }, `1e${p}`]),
    ...dots.map((d) => ["circle", { cx: x(d.depth).toFixed(1), cy: y(d.power).toFixed(1), r: dots.length > 400 ? 1.6 : 3.2, class: d.kind }]),
    ["text", { x: left, y: height - 6 }, "inputs"], ["text", { x: width, y: height - 6, "text-anchor": "end" }, `${nameOf(chainrule.story.loss)}, ${deepest} blocks on`],
  ];
  const label = "Root mean square of values and gradients, from the inputs to the loss";
  return el("figure.depth", {}, drawing(width, height, label, parts),
    el("figcaption", {}, "Root mean square of every ", el("span.value", {}, "value"), " and every ", el("span.gradient", {}, "gradient"), ", from the inputs to the loss"));
}
