// Stepping: through what is in sight, forward from the inputs to the loss, then back. A closed box is one step.

const stepping = { stops: [], at: -1, timer: null };

/** A stop: { phase: "forward" | "backward", items }. The inputs are one stop, and so is ∂L/∂L = 1. */
function findStops() {
  const items = itemsInSight();
  const inputs = items.filter(isInput);
  const blocks = items.filter((item) => !isInput(item));
  const back = [...blocks].reverse().filter((item) => contributions(item).length);
  stepping.stops = [
    { phase: "forward", items: inputs },
    ...blocks.map((item) => ({ phase: "forward", items: [item] })),
    { phase: "seed", items: [inSight(chainrule.story.loss)] },
    ...back.map((item) => ({ phase: "backward", items: [item] })),
  ].filter((stop) => stop.items.length);
}

/** What a block (or a closed box) hands back: for each value that it takes, the ways through it. */
function contributions(item) {
  const within = stepsWithin(item);
  return takenBy(item).flatMap((value) => {
    const all = waysInSight(value);
    const ways = all.filter((way) => within.has(way.step));
    return ways.length ? [{ value, ways, others: all.length - ways.length }] : [];
  });
}

function go(at) {
  stepping.at = Math.max(-1, Math.min(stepping.stops.length - 1, at));
  const stop = stepping.stops[stepping.at];
  showProgress();
  narrate(stop);
  byId("track").value = stepping.at + 1;
  byId("at").textContent = stop ? whereIs(stepping.at) : "";
  byId("track").setAttribute("aria-valuetext", stop ? `${whereIs(stepping.at)}: ${titleOfStop(stop)}` : "overview");
  if (stop) {
    show(stop.items[0]);
    const step = stepOf(stop.items[0]);
    if (step != null && stop.phase !== "seed") chainrule.select({ step, quiet: true });
  }
  chainrule.emit("stop", stepping.at);
}

function whereIs(at) {
  const forward = stepping.stops.findIndex((stop) => stop.phase !== "forward");
  const count = forward < 0 ? stepping.stops.length : forward;
  return at < count ? `forward ${at + 1} / ${count}` : `backward ${at - count + 1} / ${stepping.stops.length - count}`;
}

const titleOfStop = (stop) =>
  stop.phase === "seed" ? "the loss" : stop.items.length > 1 ? "the inputs" : titleOfItem(stop.items[0]);
const titleOfItem = (item) => (stepOf(item) == null ? titleOf(item) : chainrule.steps[stepOf(item)].block);

/** Dim what is not computed yet: items and values forward, gradients backward. */
function showProgress() {
  const { stops, at } = stepping;
  const place = new Map(); // when an item is computed
  const last = new Map(); // when the last contribution to a value's gradient is made
  stops.forEach((stop, i) => {
    for (const item of stop.items) {
      if (stop.phase === "forward") place.set(item, i);
      else if (stop.phase === "seed") last.set(chainrule.story.loss, i);
      else for (const { value } of contributions(item)) last.set(value, i);
    }
  });
  const overview = at < 0;
  const done = (when) => overview || (when ?? Infinity) <= at;
  const backward = overview || stops[at].phase !== "forward";
  byId("graph").classList.toggle("backward", backward && !overview);
  for (const [item, drawn] of graph.drawn) {
    const now = !overview && stops[at].items.includes(item);
    drawn.classList.toggle("current", now);
    drawn.classList.toggle("ahead", !done(place.get(item)));
    const made = madeBy(item);
    const known = made.every((value) => done(last.get(value)) || (!last.has(value) && backward));
    drawn.classList.toggle("no-gradient-yet", !known);
  }
  for (const wire of graph.wires) {
    const source = wire.stub ?? itemOfValue(wire.value);
    wire.line.classList.toggle("ahead", !done(place.get(source)));
    const passed = wire.item == null ? done(last.get(wire.value)) : done(whenBack(wire.item));
    wire.band.classList.toggle("shown", passed);
    const flows = !overview && stops[at].phase === "backward" && wire.item != null && stops[at].items.includes(wire.item);
    wire.band.classList.toggle("current", flows);
  }
  function whenBack(item) {
    const found = stops.findIndex((stop) => stop.phase === "backward" && stop.items.includes(item));
    return found >= 0 ? found : isOpen(item) ? Math.max(...itemsInSight(item).map(whenBack)) : undefined;
  }
}

const itemOfValue = (value) => {
  const item = inSight(value);
  return isOpen(item) ? inSight(chainrule.steps[value].out) : item;
};

// The narration ---------------------------------------------------------------------------------------------------

function narrate(stop) {
  const narration = byId("narration");
  narration.className = stop ? (stop.phase === "forward" ? "forward" : "backward") : "overview";
  narration.replaceChildren(...(stop ? told(stop) : overview()).filter(Boolean));
  narration.scrollTop = 0;
}

function overview() {
  const { title, loss } = chainrule.story;
  const count = chainrule.story.count;
  const step = chainrule.steps[loss];
  return [
    el("h2", {}, "Backpropagation of ", el("em", {}, title)),
    el("p", {}, `Forward, ${count} values are computed one after the other, up to the loss `, math(step.name.m), " = ",
      math(valueMath(step.value)), ". Backward, each block multiplies the gradient that comes in by its local gradient, "
      + "and hands it on to its operands. A value that is used several times gets the sum."),
    el("p.hint", {}, "Press ", el("kbd", {}, "→"), " or Next for one step, ", el("kbd", {}, "space"),
      " to play. Click a block or a wire to look into it."),
    ...closedFormsOfInputs(),
  ];
}

/** Where it all leads: the gradients of the inputs in closed form, if there are few. */
function closedFormsOfInputs() {
  const found = chainrule.story.closed.filter((closed) => isInput(chainrule.byName.get(closed.of)) && closed.formula.t.length < 60);
  const inputs = chainrule.steps.filter((step) => !step.formula).length;
  if (!found.length || inputs > 5) return [];
  return [el("p", {}, "It comes to"), el("div.closed", {}, found.map((closed) => equation([closed.name.m, closed.formula.m])))];
}

function told(stop) {
  if (stop.phase === "seed") return toldSeed();
  const [item] = stop.items;
  if (stop.phase === "backward") return toldBackward(item);
  return isInput(item) ? toldInputs(stop.items) : toldForward(item);
}

const heading = (kind, ...what) => el("h2", {}, el("span.phase", {}, kind), " ", ...what);

function toldInputs(items) {
  return [heading("Forward", "The inputs"),
    el("div.equations", {}, items.slice(0, 8).map((item) => equation([chainrule.steps[item].name.m, valueMath(chainrule.steps[item].value)]))),
    items.length > 8 && el("p", {}, `and ${items.length - 8} more`)];
}

function toldForward(item) {
  const place = stepOf(item);
  if (place == null) return toldBox("Forward", item, madeBy(item).map((value) => [chainrule.steps[value].name.m, valueMath(chainrule.steps[value].value)]));
  const step = chainrule.steps[place];
  return [heading("Forward", el("strong", {}, step.block)),
    equation([step.name.m, step.formula.m, withNumbers(step.formula), inEquation(step.value)]),
    !inEquation(step.value) && picture(step.value, `value of ${step.name.t}`)];
}

/** A value as a term of an equation; null if it is too large for one. */
const inEquation = (v) => (isSmall(v) || isScalar(v) ? valueMath(v) : null);

function toldBox(kind, item, equations) {
  const shown = equations.slice(0, 6);
  return [heading(kind, el("strong", {}, titleOf(item)), ` ${stepsIn(item).length} blocks in one step; open the box to see each`),
    el("div.equations", {}, shown.map((terms) => equation(terms))),
    equations.length > shown.length && el("p", {}, `and ${equations.length - shown.length} more`)];
}

function toldSeed() {
  const step = chainrule.steps[chainrule.story.loss];
  return [heading("Backward", "It begins at the loss"), equation([gradientMath(chainrule.story.loss), "<mn>1</mn>"]),
    el("p", {}, "If ", math(step.name.m), " grows by a little, ", math(step.name.m), " grows by just that: the gradient of the loss by itself is 1.")];
}

function toldBackward(item) {
  const place = stepOf(item);
  const parts = contributions(item);
  if (place == null) return toldBox("Backward", item, parts.map(({ value }) => [gradientMath(value), valueMath(chainrule.steps[value].gradient)]));
  const step = chainrule.steps[place];
  return [heading("Backward", el("strong", {}, step.block), " takes ", math(gradientMath(place)), isScalar(step.gradient) && [" = ", math(valueMath(step.gradient))]),
    intuitionOf(step) && el("p.intuition", {}, intuitionOf(step)),
    el("div.equations", {}, parts.flatMap(({ value, ways, others }) => ways.map((way) => backwardEquation(value, way, others + ways.length > 1))))];
}

/** ∂L/∂x = local gradient · ∂L/∂z = the rule = numbers = result. */
function backwardEquation(value, way, partOfSum) {
  const chain = [gradientMath(value), chainMath(value, way), way.rule.m, numbersOf(way), inEquation(way.value)];
  const shown = equation(chain, partOfSum ? sumNote(value) : null);
  if (chain.at(-1)) return shown;
  return el("div", {}, shown, picture(way.value, `gradient handed to ${nameOf(value)}`));
}

/** A rule with its numbers; not where it is a number and the result is an array filled with it. */
function numbersOf(way) {
  const found = withNumbers(way.rule);
  const plain = found && /^[\d.]+$/.test(math(found).textContent.replaceAll("−", ""));
  return plain && !isScalar(way.value) ? null : found;
}

function sumNote(value) {
  const ways = waysInSight(value).length;
  return el("button.note", { onclick: () => chainrule.select({ wire: value }) }, `one of ${ways} ways; they add up`);
}

/** ∂[block]/∂x · ∂L/∂z */
const chainMath = (value, way) => row(localMath(value, way), '<mspace width="0.2em"/>', gradientMath(way.step));

/** ∂[block]/∂x: the local gradient of a block; of one that uses x several times, ∂[x·x]/∂x⁽²⁾. */
function localMath(value, way) {
  const { m } = chainrule.steps[value].name;
  const x = way.use ? `<msup>${m}${row("<mo>(</mo>", `<mn>${way.use}</mn>`, "<mo>)</mo>")}</msup>` : m;
  return `<mfrac>${row("<mo>∂</mo>", "<mo>[</mo>", chainrule.steps[way.step].formula.m, "<mo>]</mo>")}${row("<mo>∂</mo>", x)}</mfrac>`;
}

/** ∂L/∂x of a step. */
function gradientMath(place) {
  const loss = chainrule.steps[chainrule.story.loss].name, { name } = chainrule.steps[place];
  return `<mfrac data-gradient="${escaped(name.t)}">${row("<mo>∂</mo>", loss.m)}${row("<mo>∂</mo>", name.m)}</mfrac>`;
}

/** Equal terms in a line that breaks before "=" where it must; what is the same as the term before is left out. */
function equation(terms, note) {
  const shown = terms.filter((term, i) => term && terms.indexOf(term) === i);
  return el("div.equation", {}, shown.map((term, i) => el("span.term", {}, math(i ? row("<mo>=</mo>", term) : term))), note);
}

// Playing ---------------------------------------------------------------------------------------------------------

const PACE = 2200;

function play(on = !stepping.timer) {
  clearInterval(stepping.timer);
  stepping.timer = null;
  if (on) {
    if (stepping.at >= stepping.stops.length - 1) stepping.at = -1;
    go(stepping.at + 1);
    stepping.timer = setInterval(() => {
      if (stepping.at >= stepping.stops.length - 1) play(false);
      else go(stepping.at + 1);
    }, PACE);
  }
  const button = byId("play");
  button.classList.toggle("playing", on);
  button.setAttribute("aria-label", on ? "Pause" : "Play");
}

function listenToPlayer() {
  const move = (at) => { play(false); go(at()); };
  byId("first").addEventListener("click", () => move(() => -1));
  byId("previous").addEventListener("click", () => move(() => stepping.at - 1));
  byId("next").addEventListener("click", () => move(() => stepping.at + 1));
  byId("last").addEventListener("click", () => move(() => stepping.stops.length - 1));
  byId("play").addEventListener("click", () => play());
  byId("track").addEventListener("input", (event) => move(() => Number(event.target.value) - 1));
  const keys = {
    ArrowRight: () => move(() => stepping.at + 1), ArrowLeft: () => move(() => stepping.at - 1),
    Home: () => move(() => -1), End: () => move(() => stepping.stops.length - 1), " ": () => play(),
    "+": () => zoom(1.3), "-": () => zoom(1 / 1.3), 0: () => fit(true), "/": () => byId("search").focus(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (event.key === " " && event.target.closest("button, a, summary")) return;
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** After boxes were opened or closed: the same stop if it is there still, else the one of the box around it. */
function stopAgain(before) {
  findStops();
  byId("track").max = stepping.stops.length;
  const same = (stop) => stop.phase === before?.phase && stop.items.some((item) => before.items.some((old) => related(item, old)));
  go(before ? stepping.stops.findIndex(same) : -1);
}

function related(item, old) {
  const [a, b] = [stepsWithin(item), stepsWithin(old)];
  return item === old || [...b].some((step) => a.has(step));
}
