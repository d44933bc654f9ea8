// Health: how large values and gradients are, block by block and with depth, and what stands out.

const MOST_VITALS = 300;

chainrule.section("health", "Health", (section) => {
  const { findings, vitals } = chainrule.story.health;
  section.append(findings.length
    ? el("ul.findings", {}, findings.map((told) => el("li", {}, told)))
    : el("p", {}, "All numbers are finite; no units are dead, and gradients neither vanish nor explode."));
  section.append(depthChart(vitals));
  const shown = vitals.slice(0, MOST_VITALS);
  const table = el("table.vitals", {},
    el("thead", {},
      el("tr", {}, el("th", { scope: "col", rowspan: 2 }, "name"), el("th", { scope: "col", rowspan: 2 }, "block"),
        el("th.value", { scope: "colgroup", colspan: 4 }, "value"), el("th.gradient", { scope: "colgroup", colspan: 3 }, "gradient")),
      el("tr", {}, ["spread", "norm", "rms", "zeros", "spread", "rms", "zeros"].map((head) => el(`th${head === "spread" ? "" : ".number"}`, { scope: "col" }, head)))),
    el("tbody", {}, shown.map(vitalRow)));
  const told = shown.length < vitals.length ? [el("p.hint", {}, `The first ${shown.length} of ${vitals.length}; the chart has all.`)] : [];
  section.append(el("details", { open: vitals.length <= 40 }, el("summary", {}, "Every block in numbers"), ...told, el("div.scroll", {}, table)));
});

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
