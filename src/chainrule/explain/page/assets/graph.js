// The graph: items as elements on a plane that zooms and pans, wires in one picture behind them.

const graph = {
  drawn: new Map(), // item → element
  wires: [], // { value, item, line, band }
  plane: null, // what flatten() gave
  scale: 1, x: 0, y: 0,
};

const SVG = "http://www.w3.org/2000/svg";
const svg = (tag, attributes) => {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

// Items -----------------------------------------------------------------------------------------------------------

function drawnItem(item) {
  const [step, input] = [chainrule.steps[isBox(item) ? item.step : item], isInput(item)];
  const face = isBox(item) && !step ? boxFace(item) : stepFace(item, step);
  const made = el(`div.item${input ? ".input" : ""}${isBox(item) ? `.closed.${item.kind}` : ""}`, {}, face);
  if (stepOf(item) === chainrule.story.loss) made.classList.add("loss");
  if (isBox(item)) made.append(opener(item, step));
  made.append(wireLabels(item));
  return made;
}

const stepOf = (item) => (isBox(item) ? item.step ?? null : item);

function stepFace(item, step) {
  const shown = step.formula ? row(step.name.m, "<mo>=</mo>", step.formula.m) : step.name.m;
  const text = step.formula ? `${step.name.t} = ${step.formula.t}` : step.name.t;
  const long = text.length > 40;
  const what = [step.formula ? step.block : "input", shapeText(step.value.shape)].filter(Boolean).join(" · ");
  return el("button.face", {
    "aria-label": `${text}, ${what}`, "data-step": stepOf(item),
    onclick: () => chainrule.select({ step: stepOf(item) }),
  }, long ? el("span.formula", {}, math(row(step.name.m, "<mo>=</mo>", "<mo>…</mo>"))) : el("span.formula", {}, math(shown)),
  el("span.kind", {}, what));
}

function boxFace(box) {
  const count = stepsIn(box).filter((step) => !isInput(step)).length;
  return el("button.face", {
    "aria-label": `${FUNCTIONS[box.kind]} ${titleOf(box)}, ${count} blocks, closed; open it`, "aria-expanded": "false",
    onclick: () => toggle(box),
  }, el("span.title", {}, titleOf(box)), el("span.kind", {}, `${count} block${count === 1 ? "" : "s"}`), inputsInside(box));
}

/** The inputs that stand in a closed box: weights that only one layer uses. */
function inputsInside(box) {
  const names = stepsIn(box).filter(isInput).map(nameOf);
  if (!names.length) return null;
  const told = names.length > 4 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
  return el("span.kind.holds", { title: names.join(", ") }, `with ${told}`);
}

/** What a box is called: loops by what turns in them. */
function titleOf(box) {
  if (box.kind === "turn") return `turn ${box.name}`;
  if (box.kind !== "repeat") return box.name;
  let [first] = box.items;
  while (isBox(first) && first.kind === "group") [first] = first.items;
  const what = isBox(first) && first.kind === "turn" ? shortName(first.items.at(-1)) : shortName(first);
  return `${what} ${box.name}`;
}
const shortName = (item) => (isBox(item) ? titleOf(item) : chainrule.steps[item].block);

function opener(box, step) {
  if (!step) return el("span.stack", { "aria-hidden": "true" });
  return el("button.open", {
    "aria-label": `Open ${step.block}: what is inside`, "aria-expanded": "false", title: "What is inside",
    onclick: () => toggle(box),
  }, "+");
}

/** The value above and the gradient below the wire that leaves an item. */
function wireLabels(item) {
  const made = madeBy(item);
  const several = isBox(item) && !item.step && made.length > 1;
  const shown = made.slice(0, 3);
  const part = (kind) => shown.flatMap((place) => {
    const v = chainrule.steps[place][kind];
    if (!v) return [];
    const lines = labelOf(v);
    return el("span", { "data-step": place }, several ? [`${nameOf(place)} = ${lines[0]}${lines[1] ? " …" : ""}`] : lines.join("\n"));
  });
  const above = part("value"), below = part("gradient");
  if (made.length > 3) above.push(el("span", {}, `and ${made.length - 3} more`));
  return el("div.label", { onclick: () => made.length && chainrule.select({ wire: made[0] }) },
    el("div.value", {}, above), el("div.gradient", {}, below));
}

// Drawing ---------------------------------------------------------------------------------------------------------

function drawGraph() {
  const world = byId("world");
  world.replaceChildren();
  graph.drawn.clear();
  const items = itemsInSight();
  mostLines = items.length <= 8 ? 5 : 3;
  for (const item of items) {
    const made = drawnItem(item);
    graph.drawn.set(item, made);
    world.append(made);
  }
  const sizes = new Map(items.map((item) => {
    const made = graph.drawn.get(item);
    return [item, { width: made.offsetWidth, height: made.offsetHeight }];
  }));
  graph.plane = flatten(layoutOf(root, (item) => sizes.get(item)));
  const [width, height] = [root.layout.width, root.layout.height];
  graph.width = width; graph.height = height;
  world.style.width = `${width}px`;
  world.style.height = `${height}px`;
  world.prepend(...drawnFrames(), drawnWires(width, height));
  for (const { item, x, y } of graph.plane.items) move(graph.drawn.get(item), x, y);
}

function move(element, x, y) {
  element.style.left = `${r(x)}px`;
  element.style.top = `${r(y)}px`;
}

function drawnFrames() {
  return graph.plane.frames.map(({ box, x, y, width, height }) => {
    const title = box.kind === "inside" ? `${chainrule.steps[box.step].name.t} = ${chainrule.steps[box.step].block}` : titleOf(box);
    const frame = el(`div.frame.${box.kind}`, {}, el("button.title", {
      "aria-expanded": "true", "aria-label": `${FUNCTIONS[box.kind]} ${title}, open; close it`, title: "Close",
      onclick: () => toggle(box),
    }, el("span", { "aria-hidden": "true" }, "− "), title));
    move(frame, x, y);
    frame.style.width = `${width}px`;
    frame.style.height = `${height}px`;
    return frame;
  });
}

function drawnWires(width, height) {
  const picture = svg("svg", { class: "wires", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  graph.wires = graph.plane.wires.map((wire) => {
    const band = svg("path", { d: wire.path, class: "band" });
    const line = svg("path", { d: wire.path, class: "line" });
    const hit = svg("path", { d: wire.path, class: "hit" });
    hit.addEventListener("click", () => chainrule.select({ wire: wire.value }));
    hit.addEventListener("mouseenter", () => light(nameOf(wire.value), true));
    hit.addEventListener("mouseleave", () => light(null));
    picture.append(band, line, hit);
    if (wire.tag) picture.append(tagOf(wire));
    return { ...wire, band, line };
  });
  for (const { item, x, y, width: w, height: h } of graph.plane.items) {
    const made = madeBy(item);
    if (!made.length) continue;
    const face = graph.drawn.get(item).firstElementChild;
    const d = `M${r(x + face.offsetWidth)} ${r(y + h / 2)}H${r(x + w)}`;
    const [band, line] = [svg("path", { d, class: "band" }), svg("path", { d, class: "line" })];
    picture.append(band, line);
    graph.wires.push({ value: made[0], item: null, stub: item, band, line });
  }
  sizeBands();
  return picture;
}

/** The name of a value that comes from afar, where its wire would begin. */
function tagOf({ value, from }) {
  const tag = svg("text", { x: r(from.x - 4), y: r(from.y + 4), "text-anchor": "end", class: "tag", "data-name": nameOf(value) });
  tag.textContent = nameOf(value);
  tag.addEventListener("click", () => chainrule.select({ wire: value }));
  return tag;
}

/** The width of the band on a wire: by the size of the gradient that comes back on it. Its root, so that small ones are seen too. */
function sizeBands() {
  const sizeOf = (v) => (v && Number.isFinite(v.size) ? v.size : 0);
  const all = chainrule.steps.map((step) => sizeOf(step.gradient)).filter((x) => x > 0);
  const top = Math.max(...all, 1e-300);
  const widthOf = (size) => (size > 0 ? 1.8 + 10 * (size / top) ** 0.35 : 0);
  for (const wire of graph.wires) {
    const step = chainrule.steps[wire.value];
    const ways = waysInSight(wire.value);
    const own = wire.item == null ? [] : ways.filter((way) => stepsWithin(wire.item).has(way.step));
    const size = own.length && ways.length > 1 ? Math.max(...own.map((way) => sizeOf(way.value))) : sizeOf(step.gradient);
    wire.band.style.strokeWidth = widthOf(size);
    wire.line.classList.toggle("without", !step.gradient);
  }
}

/** The steps of an item, those inside of composite blocks too. */
function stepsWithin(item) {
  if (!isBox(item)) return new Set([item]);
  return (item.within ??= new Set([...stepsIn(item), ...item.items.flatMap((i) => [...stepsWithin(i)])]));
}

// Lighting up -----------------------------------------------------------------------------------------------------

/** Light up a variable everywhere: in the graph, in formulas and in the source. Null puts all lights out. */
function light(name) {
  for (const lit of document.querySelectorAll(".lit")) lit.classList.remove("lit");
  if (name == null) return;
  for (const found of document.querySelectorAll(`[data-name="${CSS.escape(name)}"]`)) found.classList.add("lit");
  const step = chainrule.byName.get(name);
  if (step == null) return;
  graph.drawn.get(inSight(step))?.classList.add("lit");
  for (const wire of graph.wires) if (wire.value === step) wire.line.classList.add("lit");
}

// Zoom and pan ----------------------------------------------------------------------------------------------------

const LEGIBLE = 0.5, FIRST = 0.8;

function transform() {
  byId("world").style.transform = `translate(${r(graph.x)}px, ${r(graph.y)}px) scale(${graph.scale})`;
}

/** At first, close functions from the inside out until what is left can be read as a whole. */
function closeWhatIsTooMuch() {
  const open = () => graph.plane.frames.map(({ box }) => box);
  while (open().length && wholeScale() < LEGIBLE) {
    const depth = Math.max(...open().map((box) => box.depth));
    for (const box of open()) if (box.depth === depth) box.open = false;
    drawGraph();
  }
}

function wholeScale() {
  const { clientWidth: width, clientHeight: height } = byId("graph");
  return Math.min((width - 24) / graph.width, (height - 40) / graph.height, 1.25);
}

/** Show everything; where that would be too small to read, the beginning. */
function fit(force = false) {
  const { clientWidth: width, clientHeight: height } = byId("graph");
  const whole = wholeScale();
  graph.scale = force || whole > LEGIBLE ? whole : FIRST;
  graph.x = Math.max(12, (width - graph.width * graph.scale) / 2);
  graph.y = (height - graph.height * graph.scale) / 2;
  if (!force && graph.height * graph.scale > height) graph.y = 12;
  transform();
}

function zoom(factor, x = byId("graph").clientWidth / 2, y = byId("graph").clientHeight / 2) {
  const scale = Math.min(3, Math.max(0.02, graph.scale * factor));
  graph.x = x - ((x - graph.x) * scale) / graph.scale;
  graph.y = y - ((y - graph.y) * scale) / graph.scale;
  graph.scale = scale;
  transform();
}

/** Move the view so that an item is in it, with room around. */
function show(item) {
  const found = graph.plane.items.find((placed) => placed.item === item);
  if (!found) return;
  const { clientWidth: width, clientHeight: height } = byId("graph");
  const [left, top] = [found.x * graph.scale + graph.x, found.y * graph.scale + graph.y];
  const [w, h] = [found.width * graph.scale, found.height * graph.scale];
  const inside = left >= 8 && top >= 8 && left + w <= width - 8 && top + h <= height - 8;
  if (inside) return;
  graph.x += width / 2 - (left + w / 2);
  graph.y += height / 2 - (top + h / 2);
  glide();
}

function glide() {
  const world = byId("world");
  world.classList.add("gliding");
  transform();
  setTimeout(() => world.classList.remove("gliding"), 350);
}

function listenToGraph() {
  const view = byId("graph");
  const pointers = new Map();
  let moved = 0;
  view.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".zoom")) return;
    pointers.set(event.pointerId, event);
    moved = 0;
  });
  view.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
    moved += Math.abs(dx) + Math.abs(dy);
    if (moved > 4 && !view.hasPointerCapture(event.pointerId)) view.setPointerCapture(event.pointerId);
    if (pointers.size === 1) {
      graph.x += dx; graph.y += dy;
      transform();
    } else {
      const other = [...pointers.values()].find((p) => p.pointerId !== event.pointerId);
      const apart = (p) => Math.hypot(p.clientX - other.clientX, p.clientY - other.clientY);
      const bounds = view.getBoundingClientRect();
      zoom(apart(event) / Math.max(1, apart(before)), other.clientX - bounds.left, other.clientY - bounds.top);
    }
    pointers.set(event.pointerId, event);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    view.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  view.addEventListener("click", (event) => { // the end of a drag is no click
    if (moved > 4) { event.stopPropagation(); event.preventDefault(); moved = 0; }
  }, true);
  view.addEventListener("wheel", (event) => { // with Ctrl it zooms (so does a pinch); without, the page scrolls
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const bounds = view.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 300), event.clientX - bounds.left, event.clientY - bounds.top);
  }, { passive: false });
  view.addEventListener("focusin", (event) => {
    const item = event.target.closest(".item");
    if (!item || !event.target.matches(":focus-visible")) return;
    view.scrollTo(0, 0);
    for (const [known, drawn] of graph.drawn) if (drawn === item) show(known);
  });
  byId("zoom-in").addEventListener("click", () => zoom(1.3));
  byId("zoom-out").addEventListener("click", () => zoom(1 / 1.3));
  byId("zoom-fit").addEventListener("click", () => { fit(true); });
  new ResizeObserver(() => { if (!graph.touched) fit(); }).observe(view);
  view.addEventListener("pointerdown", () => { graph.touched = true; });
}
