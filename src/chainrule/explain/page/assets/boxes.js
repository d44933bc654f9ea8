// Boxes: which items are in sight, and which values go in and out of each.
//
// An item is the place of a step, or a box. A closed box is one item; an open one shows its items. A composite block is a
// box too (kind "inside"): closed, it is the block; open, its value is made by the step `out` inside of it.

let root = null;
const boxOfStep = new Map(); // the box in which a step is an item; for a composite block, that of its own box
const insideOf = new Map(); // the box of a composite block

function plantBoxes(told) {
  boxOfStep.clear();
  insideOf.clear();
  root = growBoxes(told);
}

function growBoxes(told, parent = null) {
  const box = { ...told, parent, id: growBoxes.count++, depth: parent ? parent.depth + 1 : 0 };
  box.items = told.items.map((item) => (typeof item === "number" ? item : growBoxes(item, box)));
  for (const item of box.items) if (typeof item === "number") boxOfStep.set(item, box);
  if (box.kind === "inside") {
    insideOf.set(box.step, box);
    boxOfStep.set(box.step, parent);
  }
  return box;
}
growBoxes.count = 0;

const isBox = (item) => typeof item === "object" && item !== null;
const isOpen = (item) => Boolean(item?.open);

/** The steps of the story in an item, those inside of composite blocks aside. */
function stepsIn(item) {
  if (!isBox(item)) return [item];
  if (item.kind === "inside") return [item.step];
  return (item.steps ??= item.items.flatMap(stepsIn));
}

/** The boxes around a step, from the root. */
function boxesAround(step) {
  const found = [];
  for (let box = boxOfStep.get(step); box; box = box.parent) found.unshift(box);
  return found;
}

/** The item of a box that a step is, or is in; null if it is outside. */
function itemWith(box, step) {
  let item = insideOf.get(step) ?? step;
  let around = boxOfStep.get(step);
  while (around && around !== box) {
    item = around;
    around = around.parent;
  }
  return around === box ? item : null;
}

/** What is in sight of a step: itself, its composite block's box, or the outermost closed box around it. */
function inSight(step) {
  const closed = boxesAround(step).find((box) => !box.open);
  return closed ?? insideOf.get(step) ?? step;
}

/** Values that an item takes from outside, in the order of use. */
function takenBy(item) {
  if (!isBox(item)) return [...new Set(chainrule.steps[item].operands)];
  if (item.kind === "inside") return [...new Set(chainrule.steps[item.step].operands)];
  if (!item.taken) {
    const own = new Set(stepsIn(item));
    const all = stepsIn(item).flatMap((step) => chainrule.steps[step].operands);
    item.taken = [...new Set(all.filter((operand) => !own.has(operand)))];
  }
  return item.taken;
}

/** Values that are made in an item and used outside of it, or are the loss. */
function madeBy(item) {
  if (!isBox(item)) return [item];
  if (item.kind === "inside") return [item.step];
  if (!item.made) {
    const own = new Set(stepsIn(item));
    item.made = stepsIn(item).filter(
      (step) => step === chainrule.story.loss || chainrule.users.get(step)?.some((user) => !own.has(user)));
  }
  return item.made;
}

/** The items in sight, in the order of time; open boxes give theirs. */
function itemsInSight(box = root) {
  return box.items.flatMap((item) => (isOpen(item) ? itemsInSight(item) : [item]));
}

const isInput = (item) => !isBox(item) && !chainrule.steps[item].formula;

/** Open the boxes around a step, so that it is in sight. */
function reveal(step) {
  const closed = boxesAround(step).filter((box) => !box.open);
  for (const box of closed) box.open = true;
  if (closed.length) chainrule.emit("shape");
}

function toggle(box, open = !box.open) {
  box.open = open;
  chainrule.emit("shape", box);
}

/** The ways through blocks that are in sight: through a composite block, or through what is inside if it is open. */
function waysInSight(step) {
  return chainrule.steps[step].ways.filter((way) => {
    if (isOpen(insideOf.get(way.step) ?? null)) return false;
    let within = chainrule.steps[way.step].within;
    while (within != null && insideOf.get(within).open) within = chainrule.steps[within].within;
    return within == null;
  });
}

const FUNCTIONS = { function: "function", module: "module", repeat: "repeats", turn: "turn", group: "blocks", inside: "composite block" };
