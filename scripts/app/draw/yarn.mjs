/**
 * The shape that all pictures of Skein share: one thread that runs through three loops, over and under itself by turns,
 * and closes. A trefoil knot, in a circle of radius 1 around its middle, y downwards, one loop at the top.
 */

/** @typedef {readonly [x: number, y: number]} Point */

const STEPS = 720;

/** How deep the loops are beside how far they reach: rounder ones would leave no room for what lies in them. */
const [REACH, DEPTH] = [1, 1.85];

/** @type {readonly Point[]} */
const thread = Array.from({ length: STEPS }, (_, step) => {
  const angle = (step / STEPS) * 2 * Math.PI;
  const x = REACH * Math.sin(angle) + DEPTH * Math.sin(2 * angle);
  const y = REACH * Math.cos(angle) - DEPTH * Math.cos(2 * angle);
  return [x / (REACH + DEPTH), y / (REACH + DEPTH)];
});

const height = (/** @type {number} */ step) => -Math.sin((3 * step * 2 * Math.PI) / STEPS);

/** A line beside the thread, `distance` to its left. @param {number} distance @returns {readonly Point[]} */
function strand(distance) {
  return thread.map(([x, y], step) => {
    const [nextX, nextY] = at(step + 1);
    const [lastX, lastY] = at(step - 1);
    const length = Math.hypot(nextX - lastX, nextY - lastY);
    return [x - ((nextY - lastY) / length) * distance, y + ((nextX - lastX) / length) * distance];
  });
}

/** @param {number} step any integer @returns {Point} */
function at(step) {
  return /** @type {Point} */ (thread[(step + STEPS) % STEPS]);
}

/** Where the thread passes over itself, in steps along it: the knot looks the same after each third of a turn. */
export const crossings = [0, 1, 2].map((third) => firstCrossing() + (third * STEPS) / 3);

function firstCrossing() {
  let best = { step: 0, distance: Infinity };
  for (let over = 0; over < STEPS / 3; over += 1) {
    // Close along the thread is no crossing.
    for (let under = over + 30; under < over + STEPS - 30; under += 1) {
      const [[x, y], [otherX, otherY]] = [at(over), at(under)];
      const distance = Math.hypot(x - otherX, y - otherY);
      if (height(over) > height(under) && distance < best.distance) best = { step: over, distance };
    }
  }
  return best.step;
}

/** In so many pieces the whole thread is drawn: a filled shape may not meet itself. */
const PIECES = 6;

/** A strand all along, as the outline that SVG fills. @param {number} distance from the thread @param {number} width */
export function whole(distance, width) {
  const half = STEPS / PIECES / 2;
  // They overlap, so that no seam shows.
  return Array.from({ length: PIECES }, (_, piece) =>
    around(distance, width, (2 * piece + 1) * half, half + 2),
  ).join('');
}

/**
 * A piece of a strand, as the outline that SVG fills; strokes of so many short lines would crack.
 * @param {number} distance from the thread @param {number} width
 * @param {number} step of the thread in its middle @param {number} half its length to each side, in steps
 */
export function around(distance, width, step, half) {
  const steps = Array.from({ length: 2 * half + 1 }, (_, offset) => (step - half + offset + STEPS) % STEPS);
  const edge = (/** @type {number} */ of) => {
    const points = strand(of);
    return steps.map((each) => /** @type {Point} */ (points[each]));
  };
  return path([...edge(distance - width / 2), ...edge(distance + width / 2).reverse()], 'closed');
}

/** The middles of the three loops. @type {readonly Point[]} */
export const loops = [0, 1, 2].map((third) => {
  const angle = -Math.PI / 2 + (third * 2 * Math.PI) / 3;
  return [0.66 * Math.cos(angle), 0.66 * Math.sin(angle)];
});

/** As SVG writes it. @param {readonly Point[]} points @param {'closed' | 'open'} end */
export function path(points, end) {
  const text = points.map(([x, y]) => `${x.toFixed(4)},${y.toFixed(4)}`).join('L');
  return `M${text}${end === 'closed' ? 'Z' : ''}`;
}
