// The panel: the selected block (its rules, its local gradients, its numbers) or the selected wire (a value, its sum).

function drawPanel(selected) {
  const panel = byId("panel");
  const shown = selected ?? { step: chainrule.story.loss };
  panel.replaceChildren(...(shown.wire == null ? toldBlock(shown.step) : toldWire(shown.wire)));
  panel.scrollTop = 0;
  for (const drawn of document.querySelectorAll(".item.selected")) drawn.classList.remove("selected");
  const step = shown.wire ?? shown.step;
  if (selected) graph.drawn.get(inSight(step))?.classList.add("selected");
  for (const wire of graph.wires) wire.line.classList.toggle("selected", selected?.wire === wire.value);
  markLine(chainrule.steps[step].line);
}

function toldBlock(place) {
  const step = chainrule.steps[place];
  const ways = chainrule.steps.flatMap((operand, value) => operand.ways.filter((way) => way.step === place).map((way) => ({ value, way })));
  return [
    el("h2", {}, math(step.name.m), el("span.kind", {}, step.formula ? step.block : "input")),
    ...checkOf(step),
    step.formula && part("Forward", equation([step.name.m, step.formula.m, withNumbers(step.formula), isScalar(step.value) ? valueMath(step.value) : null])),
    !(step.formula && isScalar(step.value)) && part(step.formula ? "Result" : "Value", valuePart(step.value, `value of ${step.name.t}`)),
    ...gradientPart(place),
    intuitionOf(step) && el("p.intuition", {}, intuitionOf(step)),
    ...ways.map(({ value, way }) => wayPart(value, way)),
  ].filter(Boolean);
}

const part = (title, ...children) => el("section.part", {}, el("h3", {}, title), ...children);
const valuePart = (v, label) => (isScalar(v) && v.numbers ? el("div.equation", {}, math(valueMath(v))) : el("div", {}, dimensions(v), picture(v, label)));
const dimensions = (v) => v.shape.length > 0 && el("span.shape", {}, `${shapeText(v.shape)}, ${v.dtype}`);

function gradientPart(place) {
  const step = chainrule.steps[place];
  if (!step.gradient) return [el("p.hint", {}, "No gradient: the loss does not depend on this smoothly.")];
  const sum = waysInSight(place).length > 1;
  return [part(el("span", {}, step.formula ? "Gradient that comes in, " : "Gradient, ", math(gradientMath(place))),
    valuePart(step.gradient, `gradient of ${step.name.t}`),
  sum && el("button.note", { onclick: () => chainrule.select({ wire: place }) }, `a sum over ${waysInSight(place).length} ways`))];
}

const SLOTS = 0xe000;

/** The sentence on what a block does with the gradient, true of the numbers that are shown; null if there is none. */
function intuitionOf({ intuition, now }) {
  if (!chainrule.changed || !now) return intuition;
  const details = now.of.map(([kind, value, way]) => (kind ? detailOf(kind, chainrule.steps[value].ways[way].matrix) : ""));
  if (details.includes(null)) return null;
  return now.text.replace(/[\ue000-\uf8ff]/g, (slot) => details[slot.charCodeAt(0) - SLOTS]);
}

/** What a phrase mentions of a local gradient; null where it is not true of it. */
function detailOf(kind, local) {
  const x = local?.numbers?.map(Number);
  if (!x) return null;
  const columns = local.shape[1], rows = rowsOf({ shape: local.shape, numbers: x });
  const picks = x.every((entry) => entry === 0 || entry === 1);
  const open = rows.filter((r) => r.some((entry) => entry)).length;
  switch (kind) {
    case "slope": return x.length === 1 ? general(x[0], 4) : null;
    case "gate": return picks && rows.every((r, i) => r.every((entry, j) => i === j || !entry)) ? `${open} of ${rows.length}` : null;
    case "route": return picks && [...Array(columns).keys()].every((j) => rows.filter((r) => r[j]).length === 1) ? `${open} of ${rows.length}` : null;
    case "stop": return open ? null : "";
    default: return x.every((entry) => entry) ? "" : null;
  }
}

/** What the block does on the way to one operand. */
function wayPart(value, way) {
  const name = chainrule.steps[value].name;
  const local = way.matrix;
  return part(el("span", {}, "Backward to ", math(name.m)),
    equation([gradientMath(value), way.rule.m, numbersOf(way), isSmall(way.value) ? valueMath(way.value) : null]),
    local && el("div.local", {}, el("h4", {}, "Local gradient ", math(localMath(value, way))), el("span.shape", {}, structureOf(local)), localPicture(local)),
    !isSmall(way.value) && picture(way.value, `gradient handed to ${name.t}`));
}

function structureOf(local) {
  const size = local.shape[0] * local.shape[1] > 1 ? `${shapeText(local.shape)}` : "";
  const told = [chainrule.changed ? null : local.structure, local.whole || !local.heat ? size : `${size}, some columns`];
  return told.filter(Boolean).join(" · ");
}

function localPicture(local) {
  if (local.numbers?.length === 1) return el("span.equation", {}, math(numberMath(local.numbers[0])));
  if (local.numbers) return numberTable(local, "local gradient, a row for each entry of the operand");
  if (local.heat) return heatMap(local.heat, "local gradient, a row for each entry of the operand");
  return local.structure === "diagonal" && el("div.pattern.diagonal", { role: "img", "aria-label": "diagonal pattern" });
}

function toldWire(place) {
  const step = chainrule.steps[place];
  const ways = waysInSight(place);
  return [
    el("h2", {}, math(step.name.m), el("span.kind", {}, "a wire")),
    part("Value", valuePart(step.value, `value of ${step.name.t}`)),
    step.gradient && part(el("span", {}, "Gradient, ", math(gradientMath(place))), valuePart(step.gradient, `gradient of ${step.name.t}`)),
    step.gradient && ways.length > 0 && part(ways.length === 1 ? "It comes from the one block that uses it" : `It is the sum over ${ways.length} ways`,
      el("p", {}, math(row(gradientMath(place), "<mo>=</mo>", sumMath(ways.slice(0, 12).map((way) => way.rule.m)), ways.length > 12 ? "<mo>+</mo><mo>…</mo>" : ""))),
      el("table.sum", {}, el("tbody", {}, ways.map((way) => el("tr", {},
        el("td", {}, el("button.link", { onclick: () => { reveal(way.step); chainrule.select({ step: way.step }); } },
          math(chainrule.steps[way.step].name.m), ` ${chainrule.steps[way.step].block}`)),
        el("td", {}, isSmall(way.value) ? math(valueMath(way.value)) : picture(way.value, "contribution"))))),
      ways.length > 1 && el("tfoot", {}, el("tr", {}, el("td", {}, "Sum"), el("td", {}, isSmall(step.gradient) ? math(valueMath(step.gradient)) : "")))) ),
    step.gradient && ways.length > 1 && part("The paths to the loss", waysTree(place)),
  ].filter(Boolean);
}

/** All paths from a value to the loss, as a tree that opens step by step: there may be very many. */
function waysTree(place) {
  return el("ul.ways", {}, waysInSight(place).map((way) => {
    const { name, block } = chainrule.steps[way.step];
    const value = isSmall(way.value) ? valueMath(way.value) : `<mtext>${escaped(shapeText(way.value.shape))}</mtext>`;
    const told = el("span", {}, math(row(chainrule.steps[place].name.m, "<mo>→</mo>", name.m)), el("span.kind", {}, ` ${block}, hands back `), math(value));
    if (way.step === chainrule.story.loss) return el("li.leaf", {}, told);
    const more = el("details", { ontoggle: () => { if (more.open && more.childElementCount < 2) more.append(waysTree(way.step)); } }, el("summary", {}, told));
    return el("li", {}, more);
  }));
}

/** What `cr.check` said of a value's gradient. */
function checkOf(step) {
  const { check, loss } = chainrule.story;
  if (!check) return [];
  const blamed = check.blame && check.blame.block === step.block && (check.blame.line == null || check.blame.line === step.line?.[1]);
  const found = [...(check.of[step.name.t] ?? []), ...(step === chainrule.steps[loss] ? check.of.value ?? [] : [])];
  if (blamed) found.unshift({ ok: false, text: check.blame.text });
  return found.map((c) => el(`p.check.${c.ok ? "right" : "wrong"}`, {}, `${c.ok ? "✓" : "✗"} ${c.text}`));
}

// The source --------------------------------------------------------------------------------------------------------

function drawSource() {
  const files = chainrule.story.sources;
  byId("source").hidden = files.length === 0;
  byId("source").replaceChildren(...files.map((file, place) => el("figure", {},
    file.name && el("figcaption", {}, file.name),
    el("ol", {}, file.lines.map(([number, text], i) => {
      const gap = i > 0 && file.lines[i - 1][0] < number - 1;
      return el(`li${gap ? ".gap" : ""}`, { value: number, "data-line": `${place}:${number}` }, lineOf(text, `${place}:${number}`));
    })))));
}

/** A line of source; what has a name in the graph lights up. */
function lineOf(text, at) {
  const steps = chainrule.byLine.get(at);
  const parts = text.split(/([A-Za-z_]\w*)/).map((word) =>
    chainrule.byName.has(word) ? el("span", { "data-name": word }, word) : word);
  const code = el("code", {}, parts);
  if (!steps) return code;
  return el("button.line", { onclick: () => { reveal(steps.at(-1)); chainrule.select({ step: steps.at(-1) }); show(inSight(steps.at(-1))); } }, code);
}

function markLine(line) {
  for (const marked of document.querySelectorAll("#source .marked")) marked.classList.remove("marked");
  if (!line) return;
  const found = document.querySelector(`#source [data-line="${line[0]}:${line[1]}"]`);
  found?.classList.add("marked");
  const source = byId("source");
  if (found) source.scrollTop = found.offsetTop - source.clientHeight / 2;
}
