// A small NumPy: the functions that the rules of elementary blocks call, so that the page can call them again on other
// numbers. An array is {shape, data, dtype}: data in row-major order, booleans as 0 and 1.

const numpy = (() => {
  const product = (shape) => shape.reduce((a, b) => a * b, 1);
  const roundings = { float32: Math.fround, float64: (x) => x, bool: (x) => (x ? 1 : 0) };
  const isFloat = (dtype) => dtype.startsWith("float");

  function array(shape, data, dtype = "float64") {
    const round = roundings[dtype] ?? Math.trunc;
    return { shape, data: Float64Array.from(data, round), dtype };
  }
  const filled = (shape, value, dtype) => array(shape, new Float64Array(product(shape)).fill(value), dtype);

  // Numbers that are written in a rule are weak: they take the dtype of what they meet, as in NumPy.
  const weak = (x) => ({ shape: [], data: [Number(x)], dtype: typeof x === "boolean" ? "bool" : null });
  const asArray = (x) =>
    x !== null && typeof x === "object" && "shape" in x ? x : Array.isArray(x) ? nested(x) : weak(x);

  function nested(list) {
    const parts = list.map(asArray);
    return stack(parts, 0);
  }

  function common(arrays) {
    const known = arrays.map((x) => x.dtype).filter((dtype) => dtype !== null);
    const order = ["bool", "int8", "int16", "int32", "int64", "float16", "float32", "float64"];
    const best = order[Math.max(-1, ...known.map((dtype) => order.indexOf(dtype)))] ?? "float64";
    const fraction = arrays.some((x) => x.dtype === null && !Number.isInteger(x.data[0]));
    return fraction && !isFloat(best) ? "float64" : best;
  }
  const floating = (dtype) => (isFloat(dtype) ? dtype : "float64");

  // Broadcasting ------------------------------------------------------------------------------------------------

  function broadcastShapes(shapes) {
    const n = Math.max(...shapes.map((s) => s.length));
    return Array.from({ length: n }, (_, i) => {
      const sizes = shapes.map((s) => s[s.length - n + i] ?? 1).filter((size) => size !== 1);
      if (new Set(sizes).size > 1) throw new Error(`shapes ${shapes.map((s) => `(${s})`).join(" and ")} do not fit`);
      return sizes[0] ?? 1;
    });
  }

  function strides(shape) {
    const out = new Array(shape.length);
    let step = 1;
    for (let i = shape.length - 1; i >= 0; i--) {
      out[i] = step;
      step *= shape[i];
    }
    return out;
  }

  // The place in the data of x for each entry of a larger shape, in row-major order.
  function places(shape, steps, start = 0) {
    let found = [start];
    shape.forEach((size, axis) => {
      const next = [];
      for (const place of found) for (let i = 0; i < size; i++) next.push(place + i * steps[axis]);
      found = next;
    });
    return found;
  }

  function broadcastPlaces(x, shape) {
    const own = strides(x.shape);
    const lead = shape.length - x.shape.length;
    return places(shape, shape.map((_, i) => (i < lead || x.shape[i - lead] === 1 ? 0 : own[i - lead])));
  }

  function broadcastTo(x, shape) {
    return array(shape, broadcastPlaces(x, shape).map((place) => x.data[place]), x.dtype ?? "float64");
  }

  function elementwise(f, kind) {
    return (...operands) => {
      const arrays = operands.map(asArray);
      const shape = broadcastShapes(arrays.map((x) => x.shape));
      const dtype = common(arrays);
      const at = arrays.map((x) => broadcastPlaces(x, shape));
      const data = new Float64Array(product(shape));
      for (let i = 0; i < data.length; i++) data[i] = f(...arrays.map((x, k) => x.data[at[k][i]]));
      return array(shape, data, kind === "bool" ? "bool" : kind === "float" ? floating(dtype) : dtype);
    };
  }

  // Reductions --------------------------------------------------------------------------------------------------

  function axesOf(axis, n) {
    if (axis === null || axis === undefined) return Array.from({ length: n }, (_, i) => i);
    return (Array.isArray(axis) ? axis : [axis]).map((a) => (a < 0 ? a + n : a));
  }

  function reduction(f, kind) {
    return (x, axis = null, { keepdims = false, ...rest } = {}) => {
      x = asArray(x);
      const axes = axesOf(axis, x.shape.length);
      const steps = strides(x.shape);
      const keep = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
      const starts = places(keep.map((i) => x.shape[i]), keep.map((i) => steps[i]));
      const inside = places(axes.map((i) => x.shape[i]), axes.map((i) => steps[i]));
      const data = starts.map((start) => f(inside.map((place) => x.data[start + place]), rest));
      const shape = keepdims ? x.shape.map((size, i) => (axes.includes(i) ? 1 : size)) : keep.map((i) => x.shape[i]);
      const counts = kind === "sum" && x.dtype === "bool" ? "int64" : x.dtype;
      const dtype = kind === "bool" || kind === "int64" ? kind : kind === "float" ? floating(x.dtype) : counts;
      return array(shape, data, dtype);
    };
  }

  // By halves, as NumPy adds: the rounding of long sums stays small.
  function total(list) {
    if (list.length <= 8) return list.reduce((a, b) => a + b, 0);
    const half = list.length >> 1;
    return total(list.slice(0, half)) + total(list.slice(half));
  }
  const largest = (list) => list.reduce((a, b) => (Number.isNaN(a) || a >= b ? a : b), -Infinity);
  const smallest = (list) => list.reduce((a, b) => (Number.isNaN(a) || a <= b ? a : b), Infinity);
  const variance = (list, { ddof = 0 }) => {
    const mean = total(list) / list.length;
    return total(list.map((x) => (x - mean) ** 2)) / (list.length - ddof);
  };

  // Shapes ------------------------------------------------------------------------------------------------------

  function reshape(x, shape) {
    shape = Array.isArray(shape) ? [...shape] : [shape];
    const open = shape.indexOf(-1);
    if (open >= 0) shape[open] = x.data.length / product(shape.filter((n) => n !== -1));
    return { ...x, shape };
  }

  function transpose(x, axes = null) {
    const order = axes === null ? x.shape.map((_, i) => i).reverse() : axesOf(axes, x.shape.length);
    const own = strides(x.shape);
    const shape = order.map((i) => x.shape[i]);
    return array(shape, places(shape, order.map((i) => own[i])).map((place) => x.data[place]), x.dtype);
  }

  function swapaxes(x, a, b) {
    const order = x.shape.map((_, i) => i);
    const [i, j] = axesOf([a, b], x.shape.length);
    [order[i], order[j]] = [order[j], order[i]];
    return transpose(x, order);
  }

  function moveaxis(x, source, target) {
    const [from, to] = [axesOf(source, x.shape.length), axesOf(target, x.shape.length)];
    const order = x.shape.map((_, i) => i).filter((i) => !from.includes(i));
    to.map((t, k) => [t, from[k]]).sort((p, q) => p[0] - q[0]).forEach(([t, f]) => order.splice(t, 0, f));
    return transpose(x, order);
  }

  function expandDims(x, axis) {
    const n = x.shape.length + (Array.isArray(axis) ? axis.length : 1);
    const shape = [...x.shape];
    axesOf(axis, n).sort((a, b) => a - b).forEach((a) => shape.splice(a, 0, 1));
    return reshape(x, shape);
  }

  function squeeze(x, axis = null) {
    const gone = axis === null ? x.shape.flatMap((n, i) => (n === 1 ? [i] : [])) : axesOf(axis, x.shape.length);
    return reshape(x, x.shape.filter((_, i) => !gone.includes(i)));
  }

  function concatenate(list, axis = 0) {
    const arrays = list.map(asArray);
    const [a] = axesOf(axis, arrays[0].shape.length);
    const shape = [...arrays[0].shape];
    shape[a] = arrays.reduce((n, x) => n + x.shape[a], 0);
    const outer = product(shape.slice(0, a));
    const data = [];
    for (let i = 0; i < outer; i++) {
      for (const x of arrays) {
        const run = x.data.length / outer;
        for (let k = 0; k < run; k++) data.push(x.data[i * run + k]);
      }
    }
    return array(shape, data, common(arrays));
  }

  const stack = (list, axis = 0) => {
    const arrays = list.map(asArray);
    const [a] = axesOf(axis, arrays[0].shape.length + 1);
    return concatenate(arrays.map((x) => expandDims(x, a)), a);
  };

  // Products ----------------------------------------------------------------------------------------------------

  function matmul(x, y) {
    const [p, q] = [x.shape.length === 1 ? expandDims(x, 0) : x, y.shape.length === 1 ? expandDims(y, 1) : y];
    const [n, k] = p.shape.slice(-2);
    const [k2, m] = q.shape.slice(-2);
    if (k !== k2) throw new Error(`shapes (${x.shape}) and (${y.shape}) do not fit`);
    const lead = broadcastShapes([p.shape.slice(0, -2), q.shape.slice(0, -2)]);
    const wide = [broadcastTo(p, [...lead, n, k]), broadcastTo(q, [...lead, k, m])];
    const data = [];
    for (let b = 0; b < product(lead); b++) {
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < m; j++) {
          let sum = 0;
          for (let l = 0; l < k; l++) sum += wide[0].data[(b * n + i) * k + l] * wide[1].data[(b * k + l) * m + j];
          data.push(sum);
        }
      }
    }
    const out = array([...lead, n, m], data, common([x, y]));
    const shape = [...lead, ...(x.shape.length > 1 ? [n] : []), ...(y.shape.length > 1 ? [m] : [])];
    return reshape(out, shape);
  }

  const outer = (x, y) => functions["*"](reshape(x, [-1, 1]), reshape(y, [1, -1]));
  const dot = (x, y) =>
    asArray(x).shape.length && asArray(y).shape.length ? matmul(asArray(x), asArray(y)) : functions["*"](x, y);

  // Each matrix of a stack by itself: f(rows) gives rows, or a number.
  function matrices(f, rank) {
    return (x) => {
      const [n, m] = x.shape.slice(-2);
      const lead = x.shape.slice(0, -2);
      const data = Array.from({ length: product(lead) }, (_, b) =>
        f(Array.from({ length: n }, (_, i) => Array.from(x.data.slice((b * n + i) * m, (b * n + i + 1) * m)))));
      return array(rank ? x.shape : lead, data.flat(2), floating(x.dtype));
    };
  }

  // Gauss and Jordan, with the largest pivot of each column: what is beside the matrix becomes its solution.
  function eliminated(rows) {
    const n = rows.length;
    let determinant = 1;
    for (let k = 0; k < n; k++) {
      let best = k;
      for (let i = k; i < n; i++) if (Math.abs(rows[i][k]) > Math.abs(rows[best][k])) best = i;
      if (best !== k) [rows[k], rows[best], determinant] = [rows[best], rows[k], -determinant];
      determinant *= rows[k][k];
      if (rows[k][k] === 0) return { determinant: 0, rows };
      rows[k] = rows[k].map((x) => x / rows[k][k]);
      for (let i = 0; i < n; i++) if (i !== k) rows[i] = rows[i].map((x, j) => x - rows[i][k] * rows[k][j]);
    }
    return { determinant, rows };
  }
  const det = matrices((rows) => eliminated(rows).determinant, 0);
  const inv = matrices((rows) => {
    const n = rows.length;
    const { determinant, rows: done } = eliminated(rows.map((r, i) => [...r, ...r.map((_, j) => (i === j ? 1 : 0))]));
    if (determinant === 0) throw new Error("the matrix has no inverse");
    return done.map((r) => r.slice(n));
  }, 2);

  function einsum(subscripts, ...given) {
    const operands = given.map(asArray);
    const [left, target] = subscripts.replace(/\s/g, "").split("->");
    if (target === undefined) throw new Error(`einsum of ${subscripts} is not computed here`);
    // The axes that an ellipsis stands for get names of their own, the last one first.
    const spelled = (term, count) => term.replace("...", "ZYXWVU".slice(0, count).split("").reverse().join(""));
    const counts = left.split(",").map((term, i) => operands[i].shape.length - term.replace("...", "").length);
    const terms = left.split(",").map((term, i) => spelled(term, counts[i]));
    const right = spelled(target, Math.max(0, ...counts));
    const sizes = {};
    terms.forEach((term, i) => [...term].forEach((letter, axis) => (sizes[letter] = operands[i].shape[axis])));
    const letters = [...right, ...Object.keys(sizes).filter((letter) => !right.includes(letter))];
    const shape = letters.map((letter) => sizes[letter]);
    const at = terms.map((term, i) => {
      const own = strides(operands[i].shape);
      return places(shape, letters.map((letter) => [...term].reduce((n, l, axis) => n + (l === letter ? own[axis] : 0), 0)));
    });
    const out = new Float64Array(product(shape.slice(0, right.length)));
    const run = product(shape.slice(right.length));
    for (let i = 0; i < out.length * run; i++) {
      out[Math.floor(i / run)] += operands.reduce((value, x, k) => value * x.data[at[k][i]], 1);
    }
    return array(shape.slice(0, right.length), out, common(operands));
  }

  function cumsum(x, axis = null) {
    if (axis === null) return cumsum(reshape(x, -1), 0);
    const moved = moveaxis(x, axis, -1);
    const n = moved.shape[moved.shape.length - 1];
    const data = Float64Array.from(moved.data);
    data.forEach((_, i) => (data[i] += i % n ? data[i - 1] : 0));
    return moveaxis(array(moved.shape, data, x.dtype), -1, axis);
  }

  function flip(x, axis = null) {
    const gone = axesOf(axis, x.shape.length);
    return getitem(x, x.shape.map((_, i) => ({ slice: [null, null, gone.includes(i) ? -1 : 1] })));
  }

  // Indexing ----------------------------------------------------------------------------------------------------

  // For each entry of x[key], its place in x; and the shape of x[key]. Integer arrays are indices one by one.
  function look(x, key) {
    let parts = Array.isArray(key) ? [...key] : [key];
    const isIndex = (p) => p !== null && p !== "..." && !(typeof p === "object" && "slice" in p);
    const used = parts.filter((p) => p !== null && p !== "...").length;
    const dots = parts.indexOf("...");
    const all = { slice: [null, null, null] };
    const fill = Array.from({ length: x.shape.length - used }, () => all);
    parts = dots < 0 ? [...parts, ...fill] : [...parts.slice(0, dots), ...fill, ...parts.slice(dots + 1)];
    const own = strides(x.shape);
    const lists = parts.filter((p) => isIndex(p) && typeof p === "object");
    const together = lists.length ? broadcastShapes(lists.map((p) => p.shape)) : null;
    const shape = [];
    let at = null; // where the indexed axes go
    let found = [];
    let axis = 0;
    const steps = [];
    let start = 0;
    const moved = together === null ? null : new Float64Array(product(together));
    let gap = false;
    for (const part of parts) {
      if (part === null) {
        shape.push(1);
        steps.push(0);
      } else if (typeof part === "object" && "slice" in part) {
        const [first, count, step] = sliced(part.slice, x.shape[axis]);
        start += first * own[axis];
        shape.push(count);
        steps.push(step * own[axis]);
        if (at !== null) gap = true;
        axis += 1;
      } else if (typeof part === "object") {
        if (part.dtype === "bool") throw new Error("a mask as index is not computed here");
        if (at !== null && gap) throw new Error("indices with a slice between them are not computed here");
        at ??= shape.length;
        const wide = broadcastTo(part, together);
        wide.data.forEach((i, k) => (moved[k] += (i < 0 ? i + x.shape[axis] : i) * own[axis]));
        axis += 1;
      } else {
        start += (part < 0 ? part + x.shape[axis] : part) * own[axis];
        axis += 1;
      }
    }
    if (together === null) return { shape, places: places(shape, steps, start) };
    const before = places(shape.slice(0, at), steps.slice(0, at), start);
    const after = places(shape.slice(at), steps.slice(at));
    found = before.flatMap((b) => Array.from(moved).flatMap((m) => after.map((a) => b + m + a)));
    return { shape: [...shape.slice(0, at), ...together, ...shape.slice(at)], places: found };
  }

  function sliced([start, stop, step], size) {
    step ??= 1;
    const low = step > 0 ? 0 : -1;
    const high = step > 0 ? size : size - 1;
    const bound = (i, otherwise) => (i === null ? otherwise : Math.min(Math.max(i < 0 ? i + size : i, low), high));
    const [first, last] = [bound(start, step > 0 ? low : high), bound(stop, step > 0 ? high : low)];
    return [first, Math.max(0, Math.ceil((last - first) / step)), step];
  }

  function getitem(x, key) {
    const seen = look(x, key);
    return array(seen.shape, seen.places.map((place) => x.data[place]), x.dtype);
  }

  function setitem(x, key, value, add = false) {
    const seen = look(x, key);
    const wide = broadcastTo(asArray(value), seen.shape);
    const data = Float64Array.from(x.data);
    seen.places.forEach((place, i) => (data[place] = add ? data[place] + wide.data[i] : wide.data[i]));
    return array(x.shape, data, x.dtype);
  }

  // What the functions are called -------------------------------------------------------------------------------

  const remainder = (a, b) => a - Math.floor(a / b) * b;
  const half = (x) => {
    const low = Math.floor(x);
    const rest = x - low;
    return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
  };
  const logaddexp = (a, b) => (a === b ? a + Math.LN2 : Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b))));
  const either = (pick) => (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : pick(a, b));

  // Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.6 (all terms of one sign) and 7.1.14.
  function erf(x) {
    if (Math.abs(x) > 3) return Math.sign(x) * (1 - erfc(Math.abs(x)));
    let [term, sum] = [x, x];
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  function erfc(x) {
    if (x <= 3) return 1 - erf(x);
    let tail = 0;
    for (let n = 60; n > 0; n--) tail = n / 2 / (x + tail);
    return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + tail);
  }

  const unary = {
    exp: Math.exp, expm1: Math.expm1, exp2: (x) => 2 ** x, log: Math.log, log1p: Math.log1p, log2: Math.log2,
    log10: Math.log10, sqrt: Math.sqrt, cbrt: Math.cbrt, sin: Math.sin, cos: Math.cos, tan: Math.tan,
    arcsin: Math.asin, arccos: Math.acos, arctan: Math.atan, sinh: Math.sinh, cosh: Math.cosh, tanh: Math.tanh,
    arcsinh: Math.asinh, arccosh: Math.acosh, arctanh: Math.atanh, reciprocal: (x) => 1 / x,
    "special.expit": (x) => 1 / (1 + Math.exp(-x)), "special.erf": erf, "special.erfc": erfc,
    "special.ndtr": (x) => erfc(-x / Math.SQRT2) / 2,
  };
  const alike = {
    negative: (x) => -x, positive: (x) => x, abs: Math.abs, absolute: Math.abs, sign: Math.sign, square: (x) => x * x,
    floor: Math.floor, ceil: Math.ceil, trunc: Math.trunc, rint: half, conj: (x) => x, real: (x) => x,
    maximum: either(Math.max), minimum: either(Math.min), fmax: (a, b) => (a >= b || Number.isNaN(b) ? a : b),
    fmin: (a, b) => (a <= b || Number.isNaN(b) ? a : b), add: (a, b) => a + b, subtract: (a, b) => a - b,
    multiply: (a, b) => a * b, power: (a, b) => a ** b, floor_divide: (a, b) => Math.floor(a / b), remainder,
  };
  const real = { divide: (a, b) => a / b, arctan2: Math.atan2, hypot: Math.hypot, logaddexp };
  const truths = {
    less: (a, b) => a < b, less_equal: (a, b) => a <= b, greater: (a, b) => a > b, greater_equal: (a, b) => a >= b,
    equal: (a, b) => a === b, not_equal: (a, b) => a !== b, isnan: Number.isNaN, isfinite: Number.isFinite,
    isinf: (x) => Math.abs(x) === Infinity, logical_not: (x) => !x, logical_and: (a, b) => a && b,
    logical_or: (a, b) => a || b, logical_xor: (a, b) => Boolean(a) !== Boolean(b), signbit: (x) => Object.is(Math.sign(x), -0) || x < 0,
  };
  const signs = {
    "+": "add", "-": "subtract", "*": "multiply", "/": "divide", "**": "power", "//": "floor_divide", "%": "remainder",
    "<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal", "==": "equal", "!=": "not_equal",
    "&": "logical_and", "|": "logical_or", "^": "logical_xor", "~x": "logical_not", "-x": "negative", "+x": "positive",
  };

  const functions = {
    sum: reduction(total, "sum"), prod: reduction((l) => l.reduce((a, b) => a * b, 1), "sum"),
    max: reduction(largest), min: reduction(smallest), mean: reduction((l) => total(l) / l.length, "float"),
    var: reduction(variance, "float"), std: reduction((l, o) => Math.sqrt(variance(l, o)), "float"),
    any: reduction((l) => l.some(Boolean), "bool"), all: reduction((l) => l.every(Boolean), "bool"),
    argmax: reduction((l) => l.indexOf(largest(l)), "int64"), argmin: reduction((l) => l.indexOf(smallest(l)), "int64"),
    count_nonzero: reduction((l) => l.filter(Boolean).length, "int64"),
    reshape: (x, ...shape) => reshape(x, Array.isArray(shape[0]) ? shape[0] : shape),
    transpose: (x, ...axes) => transpose(x, axes.length > 1 ? axes : (axes[0] ?? null)),
    swapaxes, moveaxis, squeeze, cumsum, flip, einsum, "linalg.det": det, "linalg.inv": inv, concatenate, stack, matmul, dot, outer, "[]": getitem, "[]=": setitem,
    "add.at": (x, key, value) => setitem(x, key, value, true), permute_dims: transpose, "@": matmul,
    T: (x) => transpose(x), mT: (x) => swapaxes(x, -1, -2), matrix_transpose: (x) => swapaxes(x, -1, -2),
    ravel: (x) => reshape(x, -1), expand_dims: expandDims, broadcast_to: (x, shape) => broadcastTo(asArray(x), [shape].flat()),
    copy: (x) => x, ascontiguousarray: (x) => x,
    asarray: (x, { dtype } = {}) => (dtype ? array(asArray(x).shape, asArray(x).data, dtype) : solid(asArray(x))),
    astype: (x, dtype) => array(x.shape, x.data, dtype),
    where: (condition, a, b) => chosen(asArray(condition), asArray(a), asArray(b)),
    clip: (x, low, high) => functions.minimum(functions.maximum(x, low ?? -Infinity), high ?? Infinity),
    zeros: (shape, { dtype = "float64" } = {}) => filled([shape].flat(), 0, dtype),
    ones: (shape, { dtype = "float64" } = {}) => filled([shape].flat(), 1, dtype),
    full: (shape, value, { dtype = "float64" } = {}) => filled([shape].flat(), asArray(value).data[0], dtype),
    zeros_like: (x, { dtype } = {}) => filled(asArray(x).shape, 0, dtype ?? asArray(x).dtype ?? "float64"),
    ones_like: (x, { dtype } = {}) => filled(asArray(x).shape, 1, dtype ?? asArray(x).dtype ?? "float64"),
    arange: (n, { dtype = "int64" } = {}) => array([n], Array.from({ length: n }, (_, i) => i), dtype),
    eye: (n, { dtype = "float64" } = {}) =>
      array([n, n], Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)), dtype),
  };
  functions.concat = concatenate;
  const aliases = { bitwise_and: "logical_and", bitwise_or: "logical_or", bitwise_xor: "logical_xor", invert: "logical_not", amax: "max", cumulative_sum: "cumsum", "linalg.matmul": "matmul", amin: "min", acos: "arccos", asin: "arcsin", atan: "arctan", atan2: "arctan2", pow: "power", conjugate: "conj" };
  const solid = (x) => (x.dtype === null ? array(x.shape, x.data, Number.isInteger(x.data[0]) ? "int64" : "float64") : x);
  const chosen = (condition, a, b) => {
    const shape = broadcastShapes([condition.shape, a.shape, b.shape]);
    const [c, p, q] = [condition, a, b].map((x) => broadcastPlaces(x, shape));
    return array(shape, c.map((place, i) => (condition.data[place] ? a.data[p[i]] : b.data[q[i]])), common([a, b]));
  };
  for (const [name, f] of Object.entries(unary)) functions[name] = elementwise(f, "float");
  for (const [name, f] of Object.entries(alike)) functions[name] = elementwise(f, "alike");
  for (const [name, f] of Object.entries(real)) functions[name] = elementwise(f, "float");
  for (const [name, f] of Object.entries(truths)) functions[name] = elementwise(f, "bool");
  for (const [sign, name] of Object.entries({ ...signs, ...aliases })) functions[sign] = functions[name];

  // Calling them ------------------------------------------------------------------------------------------------

  // Parameters that may be given by name and stand in a place of their own; all others are options.
  const axis = ["x", "axis"];
  const parameters = {
    sum: axis, prod: axis, max: axis, min: axis, mean: axis, var: axis, std: axis, any: axis, all: axis, argmax: axis,
    argmin: axis, count_nonzero: axis, squeeze: axis, cumsum: axis, cumulative_sum: axis, flip: axis, expand_dims: axis, concatenate: axis, concat: axis, stack: axis,
    transpose: ["x", "axes"], permute_dims: ["x", "axes"], reshape: ["x", "shape"], broadcast_to: ["x", "shape"],
    astype: ["x", "dtype"], full: ["shape", "fill_value"],
  };

  // The function that a rule called `np.name`, `.name` (a method), `.name property` or an operator: f(args, options).
  function find(name) {
    const plain = name.replace(/^np\.|^\.(?=\w)| property$/g, "");
    const f = functions[plain] ?? functions[plain.replace(" property", "")];
    if (!f) return null;
    return (args, options = {}) => {
      const placed = [...args];
      const { optimize, copy, ...rest } = options; // these change no number
      (parameters[plain] ?? []).forEach((parameter, place) => {
        if (parameter in rest) {
          placed[place] = rest[parameter];
          delete rest[parameter];
        }
      });
      for (let i = 0; i < placed.length; i++) placed[i] ??= null;
      if (Object.keys(rest).length) {
        while (placed.length < (parameters[plain]?.length ?? 0)) placed.push(null);
        placed.push(rest);
      }
      return solid(asArray(f(...placed)));
    };
  }

  return { find, array };
})();
