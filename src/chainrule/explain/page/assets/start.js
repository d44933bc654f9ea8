// The start: read the story, draw everything once, and listen.

function drawHeader() {
  const { title, loss, count, check } = chainrule.story;
  byId("title").textContent = title;
  const step = chainrule.steps[loss];
  const blocks = count - chainrule.steps.slice(0, count).filter((s) => !s.formula).length;
  byId("summary").replaceChildren();
  byId("summary").append(math(row(step.name.m, "<mo>=</mo>", valueMath(step.value))), el("span", {}, `${blocks} block${blocks === 1 ? "" : "s"}`),
    ...(check ? [el(`span.check.${check.ok ? "right" : "wrong"}`, { title: "by PyTorch, JAX and finite differences, where they are there" },
      check.ok ? "✓ checked: every gradient agrees" : `✗ checked: ${check.text}`)] : []));
}

function drawSections() {
  byId("more").replaceChildren();
  byId("sections").replaceChildren();
  for (const { name, title, render } of chainrule.sections) {
    const section = el("section.more", { id: name, "aria-labelledby": `${name}-title` }, el("h2", { id: `${name}-title` }, title));
    byId("more").append(section);
    render(section, chainrule);
    if (section.childElementCount < 2) { section.remove(); continue; }
    byId("sections").append(el("a", { href: `#${name}` }, title));
  }
}

function listenToSearch() {
  const [field, list] = [byId("search"), byId("found")];
  let chosen = -1;
  const found = () => [...list.children];
  const choose = (i) => {
    chosen = found().length ? (i + found().length) % found().length : -1;
    found().forEach((option, j) => option.setAttribute("aria-selected", j === chosen));
    field.setAttribute("aria-activedescendant", chosen >= 0 ? found()[chosen].id : "");
    found()[chosen]?.scrollIntoView({ block: "nearest" });
  };
  const close = () => { list.hidden = true; field.setAttribute("aria-expanded", "false"); };
  const take = (place) => {
    close();
    field.value = "";
    reveal(place);
    chainrule.select({ step: place });
    show(inSight(place));
  };
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    const places = wanted ? matches(wanted).slice(0, 30) : [];
    list.replaceChildren(...places.map((place) => {
      const step = chainrule.steps[place];
      return el("li", { role: "option", id: `found-${place}`, onmousedown: (event) => { event.preventDefault(); take(place); } },
        el("b", {}, step.name.t), el("span", {}, step.formula ? ` = ${step.formula.t}`.slice(0, 60) : " input"), el("span.kind", {}, step.block));
    }));
    if (wanted && !places.length) list.append(el("li.none", {}, "nothing found"));
    list.hidden = !wanted;
    field.setAttribute("aria-expanded", String(!list.hidden));
    choose(0);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter" && found()[chosen]?.id) take(Number(found()[chosen].id.slice(6)));
    else if (event.key === "Escape") { close(); field.blur(); }
    else return;
    event.preventDefault();
  });
  field.addEventListener("blur", close);
}

/** Steps whose name, block or line has the text in it; names first, exact ones before others. */
function matches(wanted) {
  const scored = chainrule.steps.map((step, place) => {
    const name = step.name.t.toLowerCase();
    const line = step.line ? textOfLine(step.line) : "";
    const score = name === wanted ? 0 : name.startsWith(wanted) ? 1 : step.block.includes(wanted) ? 2 : line.toLowerCase().includes(wanted) ? 3 : -1;
    return { place, score };
  });
  return scored.filter(({ score }) => score >= 0).sort((a, b) => a.score - b.score || a.place - b.place).map(({ place }) => place);
}

const textOfLine = ([file, number]) => chainrule.story.sources[file].lines.find(([n]) => n === number)?.[1] ?? "";

function listenToTheme() {
  byId("theme").addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark"
      || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.dataset.theme = dark ? "light" : "dark";
  });
}

function listenToNames() {
  document.addEventListener("mouseover", (event) => {
    const named = event.target.closest?.("[data-name]");
    if (named) light(named.dataset.name);
    else if (document.querySelector(".lit") && !event.target.closest?.(".hit")) light(null);
  });
}

function redraw(box) {
  const before = stepping.stops[stepping.at];
  const at = cornerOf(box);
  drawGraph();
  const moved = cornerOf(box);
  if (at && moved) { // the box that was opened or closed stays under the pointer
    graph.x += (at.x - moved.x) * graph.scale;
    graph.y += (at.y - moved.y) * graph.scale;
    transform();
  }
  stopAgain(before);
  drawPanel(chainrule.selected);
}

const cornerOf = (box) => box && graph.plane &&
  (graph.plane.frames.find((frame) => frame.box === box) ?? graph.plane.items.find(({ item }) => item === box));

/** Show a story, in place of the one that was shown before. */
function load(story) {
  play(false);
  chainrule.story = story;
  chainrule.steps = story.steps;
  chainrule.selected = null;
  chainrule.changed = false;
  chainrule.listeners = {};
  chainrule.byName = new Map();
  chainrule.byLine = new Map();
  chainrule.users = new Map();
  chainrule.steps.forEach((step, place) => {
    if (!chainrule.byName.has(step.name.t)) chainrule.byName.set(step.name.t, place);
    if (step.line) {
      const key = step.line.join(":");
      chainrule.byLine.set(key, [...(chainrule.byLine.get(key) ?? []), place]);
    }
    for (const operand of step.within == null ? step.operands : []) chainrule.users.set(operand, [...(chainrule.users.get(operand) ?? []), place]);
  });
  plantBoxes(story.box);
  stepping.stops = [];
  stepping.at = -1;
  graph.touched = false;
  drawHeader();
  drawSource();
  chainrule.on("select", (selected) => drawPanel(selected));
  chainrule.on("shape", redraw);
  chainrule.on("values", () => { drawHeader(); redraw(); });
  drawGraph();
  closeWhatIsTooMuch();
  redraw();
  fit();
  drawSections();
}

async function start() {
  listenToGraph();
  listenToPlayer();
  listenToSearch();
  listenToTheme();
  listenToNames();
  const story = await readStory();
  if (story) load(story);
  document.documentElement.classList.add("ready");
  chainrule.ready = true;
}

start();
