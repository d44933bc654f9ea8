// What the files of the page share: the story, what is selected, and a way to tell each other.
//
// A further file adds a section below the graph with chainrule.section(name, title, render); `render` gets the section's
// element and `chainrule`. chainrule.on(event, f) hears of: "select" (a step or null), "stop" (the place in the stepping),
// "shape" (boxes opened or closed), "values" (numbers of story.steps changed; call chainrule.emit("values") after it).

const chainrule = {
  story: null,
  steps: [],
  selected: null,
  changed: false, // whether other numbers than the recorded ones are shown
  sections: [],
  listeners: {},
  section(name, title, render) { this.sections.push({ name, title, render }); },
  on(event, listener) { (this.listeners[event] ??= []).push(listener); },
  emit(event, detail) { for (const listener of this.listeners[event] ?? []) listener(detail); },
  select(step) { this.selected = step; this.emit("select", step); },
};
window.chainrule = chainrule;

const byId = (id) => document.getElementById(id);

/** An element. Children that are strings become text, so what users named stays text. */
function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.flat(2).filter((child) => child != null && child !== false));
  return made;
}

const escaped = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** A <math> element. The MathML is the printer's (or made here of escaped parts), never a user's text. */
function math(mathml, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/1998/Math/MathML", "math");
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.innerHTML = mathml;
  return made;
}

const row = (...parts) => `<mrow>${parts.join("")}</mrow>`;
const nameOf = (place) => chainrule.steps[place].name.t;

/** The story in this file; null where it comes later. */
async function readStory() {
  const script = byId("story");
  if (!script) return null;
  if (script.type === "application/json") return JSON.parse(script.textContent);
  const packed = Uint8Array.from(atob(script.textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}
