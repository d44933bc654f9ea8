// Layout: each open box is laid out on its own, so that opening one never costs more than what is in it.
//
// A box's layout places its items in layers from left to right (dagre) between ports: at the left edge one for each value
// that comes in, at the right edge one for each that goes out.

const GAP = { ranksep: 34, nodesep: 16, edgesep: 10 };
const PADDING = 16, TITLE = 30, PORTS = 24;
const FAN = 8, TAG = 22; // a value with more users than this has a tag with its name at each, not a wire to it

/** Sizes of the items in sight are asked of `sizeOf(item)` → {width, height}. Returns the placed box. */
function layoutOf(box, sizeOf) {
  const children = new Map();
  for (const item of box.items) {
    const placed = isOpen(item) ? layoutOf(item, sizeOf) : { ...sizeOf(item), item };
    children.set(item, placed);
  }
  const key = [...children].map(([item, c]) => `${isBox(item) ? item.id : item}:${c.width}:${c.height}`).join();
  if (box.layout?.key !== key) box.layout = { ...place(box, children), key };
  return { ...box.layout, item: box, children };
}

function place(box, children) {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR", ranker: children.size > 60 ? "tight-tree" : "network-simplex", ...GAP });
  graph.setDefaultEdgeLabel(() => ({}));
  const idOf = (item) => (isBox(item) ? `b${item.id}` : `s${item}`);
  for (const [item, { width, height }] of children) graph.setNode(idOf(item), { width, height });
  const inner = box !== root;
  const taken = inner ? takenBy(box) : [], made = inner ? madeBy(box) : [];
  const ports = taken.length <= PORTS ? taken : [];
  for (const value of ports) graph.setNode(`in${value}`, { width: 8, height: 14 });
  for (const value of made) graph.setNode(`out${value}`, { width: 8, height: 14 });
  const wires = [];
  const uses = new Map();
  for (const item of children.keys()) for (const value of takenBy(item)) uses.set(value, (uses.get(value) ?? 0) + 1);
  const tagged = new Set([...uses].filter(([, count]) => count > FAN).map(([value]) => value));
  if (tagged.size) graph.graph().ranksep += 2 * TAG;
  const connect = (value, from, to, item) => {
    const tag = item !== null && tagged.has(value);
    if (!tag) graph.setEdge(from, to, {}, `${value}`);
    wires.push({ value, from, to, item, tag });
  };
  for (const item of children.keys()) {
    for (const value of takenBy(item)) {
      const source = itemWith(box, value);
      if (source !== null) connect(value, idOf(source), idOf(item), item);
      else if (ports.includes(value)) connect(value, `in${value}`, idOf(item), item);
    }
  }
  for (const value of made) {
    const source = box.kind === "inside" ? chainrule.steps[box.step].out : value;
    connect(value, idOf(itemWith(box, source)), `out${value}`, null);
  }
  dagre.layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  if (isUpsideDown(graph, [...children.keys()].filter(isInput).map(idOf), [...children.keys()].map(idOf))) turnOver(graph, height);
  const at = new Map();
  for (const item of children.keys()) at.set(item, corner(graph.node(idOf(item))));
  const ranks = new Map(); // the middle of each layer → its width
  for (const id of graph.nodes()) {
    const { x, width } = graph.node(id);
    ranks.set(r(x), Math.max(ranks.get(r(x)) ?? 0, width));
  }
  for (const wire of wires) {
    wire.bends = wire.tag ? [] : graph.edge({ v: wire.from, w: wire.to, name: `${wire.value}` }).points.slice(1, -1).flatMap(({ x, y }) => {
      const half = (ranks.get(r(x)) ?? -1) / 2; // past a layer a wire runs level; between layers it need not bend
      return half < 0 ? [] : [{ x: x - half, y }, { x: x + half, y }];
    });
  }
  const heightOf = (id) => graph.node(id).y;
  const top = inner ? TITLE : 0;
  return {
    width: width + 2 * PADDING, height: height + 2 * PADDING + top, dx: PADDING, dy: PADDING + top, at, wires, idOf,
    taken: new Map(ports.map((value) => [value, heightOf(`in${value}`)])),
    made: new Map(made.map((value) => [value, heightOf(`out${value}`)])),
  };
}

/** Whether inputs, or else the items of a layer, stand below those that come after them in the text rather than above. */
function isUpsideDown(graph, inputs, items) {
  const turns = (ids) => ids.slice(1).reduce((sum, id, i) => sum + Math.sign(graph.node(ids[i]).y - graph.node(id).y), 0);
  const layers = new Map();
  for (const id of items) layers.set(r(graph.node(id).x), [...(layers.get(r(graph.node(id).x)) ?? []), id]);
  return (turns(inputs) || [...layers.values()].reduce((sum, ids) => sum + turns(ids), 0)) > 0;
}

function turnOver(graph, height) {
  for (const id of graph.nodes()) graph.node(id).y = height - graph.node(id).y;
  for (const edge of graph.edges()) for (const point of graph.edge(edge).points) point.y = height - point.y;
}

const corner = ({ x, y, width, height }) => ({ x: x - width / 2, y: y - height / 2 });

/** Everything placed on one plane: items with their corners, open boxes as frames, wires as paths. */
function flatten(placed, x = 0, y = 0, out = { items: [], frames: [], wires: [] }) {
  const { item: box, children, at, dx, dy } = placed;
  if (box !== root) out.frames.push({ box, x, y, width: placed.width, height: placed.height });
  const ends = new Map(); // where wires leave an item, by value
  const starts = new Map(); // where they enter it
  for (const [item, child] of children) {
    const [left, top] = [x + dx + at.get(item).x, y + dy + at.get(item).y];
    if (isOpen(item)) {
      flatten(child, left, top, out);
      for (const [value, port] of child.made) ends.set(`${value}`, { x: left + child.width, y: top + child.dy + port });
      for (const [value, port] of child.taken) starts.set(`${child.idOf(item)}:${value}`, { x: left, y: top + child.dy + port });
      starts.set(child.idOf(item), { x: left, y: top, height: child.height });
    } else {
      out.items.push({ item, x: left, y: top, width: child.width, height: child.height });
      const middle = top + child.height / 2;
      for (const value of madeBy(item)) ends.set(`${value}`, { x: left + child.width, y: middle });
      starts.set(placed.idOf(item), { x: left, y: top, height: child.height });
    }
  }
  if (box !== root) {
    for (const [value, port] of placed.taken) ends.set(`${value}`, ends.get(`${value}`) ?? { x, y: y + dy + port });
    if (box.kind === "inside") {
      const out_ = chainrule.steps[box.step].out;
      ends.set(`${box.step}`, ends.get(`${out_}`));
    }
  }
  spread(placed.wires, starts, (wire) => ends.get(`${wire.value}`), y + dy);
  for (const wire of placed.wires) {
    const from = ends.get(`${wire.value}`);
    const to = wire.item === null
      ? { x: x + placed.width, y: y + dy + placed.made.get(wire.value) }
      : starts.get(`${wire.to}:${wire.value}`) ?? { x: starts.get(wire.to).x, y: wire.end };
    if (wire.tag) {
      const start = { x: to.x - TAG, y: to.y };
      out.wires.push({ value: wire.value, item: wire.item, path: curve([start, to]), from: start, to, tag: true });
      continue;
    }
    const bends = wire.bends.map((p) => ({ x: p.x + x + dx, y: p.y + y + dy }));
    out.wires.push({ value: wire.value, item: wire.item, path: curve([from, ...bends, to]), from, to });
  }
  return out;
}

/** Give the wires that enter one item their own heights, in the order in which they come. */
function spread(wires, starts, fromOf, dy) {
  const entering = new Map();
  for (const wire of wires) {
    if (wire.item === null || starts.has(`${wire.to}:${wire.value}`)) continue;
    if (!entering.has(wire.to)) entering.set(wire.to, []);
    entering.get(wire.to).push(wire);
  }
  for (const [to, group] of entering) {
    const { y, height } = starts.get(to);
    const slope = (wire) => (wire.tag ? Infinity : wire.bends.length ? wire.bends.at(-1).y + dy : fromOf(wire).y);
    group.sort((a, b) => (slope(a) === slope(b) ? 0 : slope(a) - slope(b)));
    const step = Math.min(14, (height - 12) / group.length);
    group.forEach((wire, i) => { wire.end = y + height / 2 + (i - (group.length - 1) / 2) * step; });
  }
}

/** A smooth path through points from left to right, level at each. */
function curve(points) {
  let path = `M${r(points[0].x)} ${r(points[0].y)}`;
  for (let i = 1; i < points.length; i++) {
    const [p, q] = [points[i - 1], points[i]];
    if (Math.abs(p.y - q.y) < 0.5) { path += `H${r(q.x)}`; continue; }
    const reach = Math.max(8, (q.x - p.x) / 2);
    path += `C${r(p.x + reach)} ${r(p.y)} ${r(q.x - reach)} ${r(q.y)} ${r(q.x)} ${r(q.y)}`;
  }
  return path;
}

const r = (x) => Math.round(x * 10) / 10;
