// What if: the inputs as fields to write in. The recorded calls are made again, and all numbers of the page follow.

chainrule.section("what-if", "What if", (section) => {
  const program = chainrule.story.program;
  if (!program) return;
  const missing = unknownFunctions(program);
  if (missing.length) return;
  const fields = new Map(program.inputs.map((place) => [place, inputFields(place, change)]));
  const told = el("p.result", { "aria-live": "polite" });
  const original = new Map(program.inputs.map((place) => [place, [...chainrule.steps[place].value.numbers]]));
  section.append(
    el("p", {}, "Write other numbers; every value and gradient on this page follows. The blocks stay those that were recorded."),
    el("div.inputs", {}, [...fields].map(([place, { element }]) =>
      el("figure.input", {}, el("figcaption", {}, math(chainrule.steps[place].name.m)), element))),
    el("p", {}, el("button", { onclick: reset }, "The recorded numbers")), told, gradientStep(fields, change));
  tell();

  /** Compute again with what is in the fields; false if that is not possible. */
  function change() {
    for (const [place, { read }] of fields) {
      const numbers = read();
      if (numbers.some(Number.isNaN)) return refuse(`${nameOf(place)} has a field that is not a number.`);
      chainrule.steps[place].value.numbers = numbers;
    }
    try {
      computeAgain(program);
    } catch (error) {
      return refuse(`This cannot be computed: ${error.message}.`);
    }
    chainrule.changed = [...original].some(([place, numbers]) => chainrule.steps[place].value.numbers.some((x, i) => x !== Number(numbers[i])));
    tell();
    chainrule.emit("values");
    return true;
  }

  function refuse(why) {
    told.textContent = why;
    told.classList.add("wrong");
    return false;
  }

  function reset() {
    for (const [place, { write }] of fields) write(original.get(place));
    change();
  }

  function tell() {
    const loss = chainrule.steps[chainrule.story.loss];
    told.classList.remove("wrong");
    told.replaceChildren(math(row(loss.name.m, "<mo>=</mo>", valueMath(loss.value))));
  }
});

/** A step against the gradient: what the gradient says of the loss, and how it changes. */
function gradientStep(fields, change) {
  const { loss } = chainrule.story;
  const moved = [...fields.keys()].filter((place) => chainrule.steps[place].gradient?.numbers);
  if (!moved.length) return null;
  const rate = el("input", { type: "number", step: "any", min: "0", value: "0.1", "aria-label": "size of the step" });
  const chosen = new Map(moved.map((place) => [place, el("input", { type: "checkbox", checked: true, "aria-label": `move ${nameOf(place)}` })]));
  const told = el("p.result.step", { "aria-live": "polite" });
  const take = () => {
    const size = rate.valueAsNumber;
    if (!Number.isFinite(size)) { told.textContent = "The size of the step is not a number."; return; }
    const before = Number(chainrule.steps[loss].value.numbers[0]);
    let predicted = 0;
    for (const [place, box] of chosen) {
      if (!box.checked) continue;
      const { value, gradient } = chainrule.steps[place];
      predicted -= size * gradient.numbers.reduce((sum, g) => sum + Number(g) ** 2, 0);
      fields.get(place).write(value.numbers.map((x, i) => Number(x) - size * Number(gradient.numbers[i])));
    }
    if (!change()) { told.replaceChildren(); return; }
    const real = Number(chainrule.steps[loss].value.numbers[0]) - before;
    const delta = row('<mi mathvariant="normal">Δ</mi>', chainrule.steps[loss].name.m);
    told.replaceChildren("predicted ", math(row(delta, "<mo>=</mo>", numberMath(predicted))), ", real ", math(row(delta, "<mo>=</mo>", numberMath(real))),
      predicted < 0 && real > 0 ? ": η is too large, the loss grew" : "");
  };
  return el("div.descent", {},
    el("p", {}, "One gradient step: every chosen input becomes ", math("<mi>x</mi><mo>−</mo><mi>η</mi><mo>·</mo><mfrac><mrow><mo>∂</mo><mi>L</mi></mrow><mrow><mo>∂</mo><mi>x</mi></mrow></mfrac>"),
      ". For small η the loss changes by ", math("<mo>−</mo><mi>η</mi><mo>·</mo><msup><mrow><mo>‖</mo><mfrac><mrow><mo>∂</mo><mi>L</mi></mrow><mrow><mo>∂</mo><mi>x</mi></mrow></mfrac><mo>‖</mo></mrow><mn>2</mn></msup>"), "."),
    el("p.choices", {}, el("label", {}, math("<mi>η</mi>"), " ", rate),
      [...chosen].map(([place, box]) => el("label", {}, box, " ", math(chainrule.steps[place].name.m))),
      el("button", { onclick: take }, "Take one step")),
    told);
}

/** A field for each entry of an input, in rows as it is shaped. */
function inputFields(place, changed) {
  const { value, name } = chainrule.steps[place];
  const columns = value.shape.length ? value.shape[value.shape.length - 1] : 1;
  const fields = value.numbers.map((x, i) => {
    const index = value.shape.length > 1 ? `[${Math.floor(i / columns)}, ${i % columns}]` : value.shape.length ? `[${i}]` : "";
    return el("input", {
      type: "number", step: "any", value: exact(x), "aria-label": `${name.t}${index}`, oninput: () => { widen(); changed(); },
    });
  });
  const widen = () => { // all digits are seen
    const longest = Math.max(6, ...fields.map((field) => field.value.length));
    for (const field of fields) field.style.width = `calc(${Math.min(longest, 24)}ch + 16px)`;
  };
  widen();
  const rows = [];
  for (let i = 0; i < fields.length; i += columns) rows.push(el("tr", {}, fields.slice(i, i + columns).map((field) => el("td", {}, field))));
  return {
    element: el("div.scroll", {}, el("table.fields", { role: "presentation" }, el("tbody", {}, rows))),
    read: () => fields.map((field) => field.valueAsNumber),
    write: (numbers) => { fields.forEach((field, i) => { field.value = exact(numbers[i]); }); widen(); },
  };
}

const exact = (x) => (Number.isFinite(x) ? String(x) : "");

function unknownFunctions({ calls }) {
  return [...new Set(calls.map(([name]) => name))].filter((name) => !["argument", "constant"].includes(name) && !numpy.find(name));
}

/** Make all calls again with the inputs as they are now, and put the results into the steps. */
function computeAgain({ inputs, calls, rows, guards }) {
  const fresh = [...inputs];
  const results = [];
  for (const [name, ...rest] of calls) {
    if (name === "argument") {
      const { value } = chainrule.steps[fresh.shift()];
      results.push(numpy.array(value.shape, value.numbers.map(Number), value.dtype));
    } else if (name === "constant") results.push(constant(rest[0]));
    else results.push(numpy.find(name)(rest[0].map((x) => argument(x, results)), mapped(rest[1], (x) => argument(x, results))));
  }
  for (const [call, truth] of guards) {
    if (Boolean(results[call].data[0]) !== truth) throw new Error("a rule takes another way at these numbers");
  }
  rows.forEach(({ value, gradient, ways }, place) => {
    const step = chainrule.steps[place];
    retell(step.value, results[value]);
    if (step.gradient) retell(step.gradient, results[gradient]);
    ways.forEach(([contribution, jacobian], i) => {
      retell(step.ways[i].value, results[contribution]);
      if (step.ways[i].matrix?.numbers) retell(step.ways[i].matrix, results[jacobian]);
      delete step.ways[i].numbers;
    });
    delete step.numbers;
  });
}

const mapped = (object, f) => Object.fromEntries(Object.entries(object).map(([key, x]) => [key, f(x)]));
const constant = ({ shape, data, dtype }) => numpy.array(shape, data.map(Number), dtype);

function argument(x, results) {
  if (!Array.isArray(x)) return x;
  const [kind, ...parts] = x;
  if (kind === "v") return results[parts[0]];
  if (kind === "l") return parts.map((part) => argument(part, results));
  if (kind === "s") return { slice: parts.map((part) => argument(part, results)) };
  if (kind === "e") return "...";
  if (kind === "a") return constant(parts[0]);
  return kind === "n" ? Number(parts[0]) : parts[0];
}

/** What the page shows of an array, for other numbers in it. */
function retell(shown, result) {
  if (!result) return;
  const data = Array.from(result.data);
  const wide = data.length === 1 && product(shown.shape) > 1 ? new Array(product(shown.shape)).fill(data[0]) : data;
  if (shown.numbers) shown.numbers = shown.dtype === "bool" ? wide.map(Boolean) : wide;
  if (shown.heat) repaint(shown.heat, wide);
  shown.statistics = statisticsOf(wide);
  if ("size" in shown) shown.size = Math.sqrt(wide.reduce((sum, x) => sum + x * x, 0) / wide.length);
  const finite = wide.filter(Number.isFinite);
  shown.lines = [`${short(Math.min(...finite))} … ${short(Math.max(...finite))}, mean ${short(finite.reduce((a, b) => a + b, 0) / finite.length)}`];
}

const product = (shape) => shape.reduce((a, b) => a * b, 1);

function repaint(heat, data) {
  if (heat.rows < heat.shape[0] || heat.columns < heat.shape[1]) return;
  heat.top = Math.max(0, ...data.filter(Number.isFinite).map(Math.abs));
  const bytes = data.map((x) => (Number.isFinite(x) ? 128 + Math.round((127 * x) / (heat.top || 1)) : 0));
  heat.pixels = btoa(String.fromCharCode(...bytes));
}
