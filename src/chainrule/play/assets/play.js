// The playground: what is typed goes to the server, and the page shows the story that comes back.

const GRADIENT = "∂"; // the name under which the server has the gradient of a result that is an array
const PAUSE = 180; // milliseconds without a key before the server is asked
const examples = JSON.parse(byId("examples").textContent);
const token = keptToken();
const written = new Map(); // the values that were typed into fields, by name; those of names that are gone now, too
const offered = new Map(); // those of an example or a link, which are used as long as they fit the text
let resultName = "y";
let asking = false, again = false, timer = null;

/** The token is in the address that was opened. It is kept for reloads and for shared links, out of the address. */
function keptToken() {
  const given = new URLSearchParams(location.search).get("token");
  try {
    if (given) localStorage.setItem("chainrule-token", given);
    if (given) history.replaceState(null, "", `/${location.hash}`);
    return given ?? localStorage.getItem("chainrule-token") ?? "";
  } catch { // where a browser keeps nothing
    return given ?? "";
  }
}

const request = (what) => ({ ...what, text: byId("text").value, given: Object.fromEntries(written), offered: Object.fromEntries(offered) });

async function ask(what) {
  try {
    const response = await fetch("/compute", {
      method: "POST", headers: { "content-type": "application/json", "x-chainrule-token": token }, body: JSON.stringify(request(what)),
    });
    return response.headers.get("content-type")?.startsWith("application/json") ? await response.json() : { error: await response.text() };
  } catch {
    return { error: "the playground has ended; start it again: chainrule play" };
  }
}

/** Ask for the story of what stands there now. While an answer is awaited nothing else is asked, and then the latest. */
async function follow() {
  document.body.classList.add("computing");
  clearTimeout(timer);
  if (asking) { again = true; return; }
  if (!byId("text").value.trim()) return done(tellNothing);
  asking = true;
  const slow = setTimeout(() => tell("computing …"), 1200);
  const answer = await ask({ do: "explain" });
  clearTimeout(slow);
  asking = false;
  if (again) { again = false; return follow(); }
  done(() => tellAnswer(answer));
}

function done(tellIt) {
  tellIt();
  document.body.classList.remove("computing");
}

function soon() {
  document.body.classList.add("computing");
  clearTimeout(timer);
  timer = setTimeout(follow, PAUSE);
}

function tell(text, wrong = false) {
  byId("error").textContent = text;
  byId("error").classList.toggle("wrong", wrong);
  byId("text").setAttribute("aria-invalid", String(wrong));
}

function tellNothing() {
  drawInputs({});
  document.body.classList.add("empty");
  byId("title").textContent = "playground";
  byId("summary").replaceChildren();
  byId("sections").replaceChildren();
  tell("One statement a line; the last one is what is differentiated. Names without a value are inputs.");
}

function tellAnswer({ story, values, error }) {
  resultName = story?.result?.t ?? resultName;
  if (!error || Object.keys(values ?? {}).length) drawInputs(values);
  remember();
  document.body.classList.toggle("behind", Boolean(error) && Boolean(chainrule.story));
  if (error) return tell(error, true);
  const at = scrollY;
  document.body.classList.remove("empty");
  load(story);
  chainrule.on("values", () => { byId("take").hidden = false; });
  byId("take").hidden = true;
  scrollTo(0, at);
  const name = story.result?.t;
  tell(name ? `${name} is an array: its Jacobian is below, and gradients are those of any loss L of it, for the ∂L/∂${name} that you give.` : "");
}

// The inputs ------------------------------------------------------------------------------------------------------

/** A field for each input. A value that nobody gave is a sample, which may change with the text. */
function drawInputs(values) {
  const names = Object.keys(values);
  const fields = fieldsByName();
  if (names.join("\n") !== [...fields.keys()].join("\n") || names.includes(GRADIENT)) {
    byId("inputs").replaceChildren(...names.map((name) => el("label", {},
      el("span.name", {}, name === GRADIENT ? `∂L/∂${resultName}` : name), fields.get(name) ?? fieldOf(name), el("span.shape", {}))));
  }
  for (const label of byId("inputs").children) {
    const field = label.querySelector("input"), name = field.dataset.name;
    if (document.activeElement !== field) field.value = written.get(name) ?? values[name] ?? "";
    const sample = !written.has(name) && sameNumbers(offered.get(name)) !== sameNumbers(field.value);
    field.classList.toggle("sample", sample);
    label.querySelector(".shape").textContent = [shapeOf(field.value), sample && "sample"].filter(Boolean).join(" · ");
  }
}

const fieldsByName = () => new Map([...byId("inputs").querySelectorAll("input")].map((field) => [field.dataset.name, field]));

const fieldOf = (name) => el("input", {
  "data-name": name, "aria-label": name === GRADIENT ? "gradient of the result" : name, spellcheck: "false", autocomplete: "off", inputmode: "text",
  oninput: (event) => {
    if (event.target.value.trim()) written.set(name, event.target.value);
    else written.delete(name);
    soon();
  },
});

const sameNumbers = (text) => text?.replace(/\s/g, "");

/** The shape of a value as it is typed. */
function shapeOf(text) {
  try {
    const shape = [];
    for (let x = JSON.parse(text); Array.isArray(x); [x] = x) shape.push(x.length);
    return shapeText(shape);
  } catch { return ""; }
}

/** The numbers that were tried in What if, as inputs. */
function takeTried() {
  for (const label of byId("inputs").children) {
    const { name } = label.querySelector("input").dataset;
    const step = chainrule.steps[chainrule.byName.get(name)];
    if (step?.value.numbers) written.set(name, textOfValue(step.value));
  }
  follow();
}

function textOfValue(v) {
  if (isScalar(v)) return String(v.numbers[0]);
  const lists = v.shape.length === 1 ? [v.numbers] : rowsOf(v);
  const text = lists.map((row) => `[${row.join(", ")}]`);
  return v.shape.length === 1 ? text[0] : `[${text.join(", ")}]`;
}

// Links and files -------------------------------------------------------------------------------------------------

/** The address of this page holds the text and the values, after the #, which browsers send to no server. */
function remember() {
  const text = byId("text").value;
  const pairs = [...fieldsByName()].map(([name, { value }]) => [name, value]).filter(([, value]) => value);
  const parts = [encodeURIComponent(text), ...pairs.map((pair) => pair.map(encodeURIComponent).join("="))];
  history.replaceState(null, "", text.trim() ? `/#${parts.join("&")}` : "/");
}

function recall() {
  const [text, ...pairs] = location.hash.slice(1).split("&");
  written.clear();
  offered.clear();
  try {
    byId("text").value = decodeURIComponent(text ?? "").replaceAll("; ", "\n");
    for (const pair of pairs) {
      const at = pair.indexOf("=");
      if (at > 0) offered.set(decodeURIComponent(pair.slice(0, at)), decodeURIComponent(pair.slice(at + 1)));
    }
  } catch { tell("this link cannot be read", true); }
  grow();
}

async function shareLink() {
  remember();
  await copy(location.href);
  byId("share").textContent = "Copied";
  setTimeout(() => { byId("share").textContent = "Share"; }, 1200);
}

async function save(as) {
  if (!as) return;
  byId("save").value = "";
  const { name, text, error } = await ask({ do: "save", as });
  if (error) return tell(error, true);
  const address = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// The editor ------------------------------------------------------------------------------------------------------

function grow() {
  byId("text").rows = Math.min(10, Math.max(3, byId("text").value.split("\n").length));
}

function choose(place) {
  if (place === "") return;
  byId("example").value = "";
  const { text, values } = examples[place];
  byId("text").value = text;
  written.clear();
  offered.clear();
  for (const [name, value] of Object.entries(values)) offered.set(name, value);
  grow();
  follow();
}

byId("text").addEventListener("input", () => {
  if (!byId("text").value.trim()) { // a new beginning
    written.clear();
    offered.clear();
  }
  grow();
  soon();
});
byId("example").addEventListener("change", (event) => choose(event.target.value));
byId("save").addEventListener("change", (event) => save(event.target.value));
byId("share").addEventListener("click", shareLink);
byId("take").addEventListener("click", takeTried);
addEventListener("hashchange", () => { recall(); follow(); });

recall();
if (byId("text").value.trim()) follow();
else choose("0");
