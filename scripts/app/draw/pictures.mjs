import { around, crossings, loops, path, whole } from './yarn.mjs';

/** The pictures of the app as SVG texts. */

/** @param {{width: number, height: number, body: string}} what */
const svg = ({ width, height, body }) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${body}</svg>`;

/**
 * How much can be told apart at a size, in pixels: smaller pictures have fewer and thicker strands, and a tile whose edges
 * lie on pixels. Measures of the tile are of 1024, those of the yarn are of the knot's radius.
 */
const details = [
  { upTo: 24, edge: 64, knot: 400, strands: [0], width: 0.225, colours: ['#ffd9b0'], computer: 0 },
  { upTo: 48, edge: 96, knot: 372, strands: [0], width: 0.19, colours: ['#ffd9b0'], computer: 0.22 },
  {
    upTo: 96,
    edge: 96,
    knot: 352,
    strands: [-0.06, 0.06],
    width: 0.105,
    colours: ['#ffb78c', '#ffe3c4'],
    computer: 0.21,
  },
  {
    // Apple's grid.
    upTo: Infinity,
    edge: 100,
    knot: 340,
    strands: [-0.083, 0, 0.083],
    width: 0.074,
    colours: ['#ffae86', '#ffcfa2', '#ffead2'],
    computer: 0.205,
  },
];

/** Of the thread that is drawn again above what it crosses, and of its shadow there; in steps to each side. */
const [OVER, OVER_SHADOW] = [30, 15];

/** A knot that stands on two loops has its middle above that of its box. */
const LOW = 0.12;

/** The app's icon. @param {number} size in pixels that it is drawn for */
export function appIcon(size) {
  const detail = details.find(({ upTo }) => size <= upTo);
  if (detail === undefined) throw new Error(`no icon of ${size} pixels`);
  const { edge, knot, width, colours, computer } = detail;
  const strands = detail.strands.map((distance, index) => ({ distance, colour: colours[index] ?? '' }));
  const bundle = 2 * Math.max(...detail.strands) + width;
  // Filters work on pixels of the picture, so that they stand outside of what is scaled.
  const place = `transform="translate(512 ${512 + knot * LOW}) scale(${knot})"`;
  const placed = (/** @type {string} */ body, outside = '') => `<g${outside}><g ${place}>${body}</g></g>`;
  const lies = ' filter="url(#lies)"';
  const drawn = strands.map(({ distance, colour }) => fill(whole(distance, width), colour)).join('');
  const over = crossings.map(
    (step) =>
      // A shadow of the thread on itself alone.
      `<g clip-path="url(#yarn)">${placed(fill(around(0, bundle + 0.03, step, OVER_SHADOW), '#15123f'), ' filter="url(#crosses)"')}</g>` +
      placed(
        strands.map(({ distance, colour }) => fill(around(distance, width, step, OVER), colour)).join(''),
      ),
  );
  const computers = computer === 0 ? [] : loops.map(([x, y]) => computerAt(x, y, computer));
  const shape = tile(edge);
  return svg({
    width: 1024,
    height: 1024,
    body:
      `<defs><clipPath id="tile"><path d="${shape}"/></clipPath><clipPath id="yarn"><path ${place} d="${whole(0, bundle)}"/></clipPath>` +
      filter(
        'shade',
        '<feDropShadow dx="0" dy="9" stdDeviation="9" flood-color="#000" flood-opacity=".3"/>',
      ) +
      filter('crosses', '<feGaussianBlur stdDeviation="6"/>') +
      filter(
        'lies',
        '<feDropShadow dx="0" dy="6" stdDeviation="5" flood-color="#0d0b33" flood-opacity=".5"/>',
      ) +
      '</defs>' +
      `<path filter="url(#shade)" fill="#211d5e" d="${shape}"/>` +
      `<g clip-path="url(#tile)">${shaded({ width: 1024, height: 1024 }, [0x56, 0x5b, 0xd6], [0x20, 0x1c, 0x5a])}` +
      (size > 96
        ? `<path fill="none" stroke="#fff" stroke-opacity=".16" stroke-width="7" d="${shape}"/>`
        : '') +
      `</g>${placed(drawn, lies)}${over.join('')}${placed(computers.join(''), lies)}`,
  });
}

const filter = (/** @type {string} */ id, /** @type {string} */ body) =>
  `<filter id="${id}" filterUnits="userSpaceOnUse" x="0" y="0" width="1024" height="1024" color-interpolation-filters="sRGB">${body}</filter>`;

const BAND = 4;

/**
 * From one colour to another, downwards, in bands too narrow to see: a gradient is drawn with noise, which makes a file
 * three times as large.
 * @param {{width: number, height: number}} size @param {readonly number[]} from @param {readonly number[]} to
 */
function shaded({ width, height }, from, to) {
  const colour = (/** @type {number} */ part) =>
    from.map((value, channel) => Math.round(value + ((to[channel] ?? value) - value) * part)).join(',');
  return Array.from(
    { length: Math.ceil(height / BAND) },
    (_, band) =>
      `<rect y="${band * BAND}" width="${width}" height="${BAND + 1}" fill="rgb(${colour((band * BAND) / height)})"/>`,
  ).join('');
}

const fill = (/** @type {string} */ d, /** @type {string} */ colour) => `<path d="${d}" fill="${colour}"/>`;

/** From above, as the small ones on a desk look. */
const computerAt = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ size) =>
  `<rect x="${x - size / 2}" y="${y - size / 2}" width="${size}" height="${size}" rx="${size * 0.27}" fill="#f4f4ff"/>`;

/** The corners of macOS bend into their sides without a seam, which an arc does not. */
const CORNER = { reach: 0.337, power: 3.2 };

/** @param {number} edge how far it is from the picture's */
function tile(edge) {
  const size = 1024 - 2 * edge;
  const reach = CORNER.reach * size;
  const quarter = Array.from({ length: 25 }, (_, step) => {
    const angle = (step / 24) * (Math.PI / 2);
    const along = (/** @type {number} */ value) =>
      reach * (1 - Math.abs(value) ** (2 / CORNER.power)) - size / 2;
    return { x: along(Math.cos(angle)), y: along(Math.sin(angle)) };
  });
  // From the left side to the top, then each further corner a quarter turn on.
  const turns = [
    { cos: 1, sin: 0 },
    { cos: 0, sin: 1 },
    { cos: -1, sin: 0 },
    { cos: 0, sin: -1 },
  ];
  const corners = turns.flatMap(({ cos, sin }) =>
    quarter.map(({ x, y }) => /** @type {const} */ ([512 + x * cos - y * sin, 512 + x * sin + y * cos])),
  );
  return path(corners, 'closed');
}

/** @typedef {'idle' | 'working' | 'problem'} TrayState */

/** Points of a menubar's picture: what Apple's own are high. */
export const TRAY_SIZE = 18;

/**
 * Black and alpha only: macOS colours it. The loops are empty at rest and hold what works; a mark stands beside them when
 * something needs a person.
 * @param {TrayState} state
 */
export function trayIcon(state) {
  const [knot, width, gap] = [8.4, 0.168, 0.12];
  const ring = (/** @type {number} */ half, /** @type {number} */ wide) =>
    crossings.map((step) => fill(around(0, wide, step, half), 'black')).join('');
  const computers =
    state === 'working' ? loops.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="0.145"/>`) : [];
  const mark = state === 'problem';
  return svg({
    width: TRAY_SIZE,
    height: TRAY_SIZE,
    body:
      `<mask id="under" maskUnits="userSpaceOnUse" x="-2" y="-2" width="4" height="4"><rect x="-2" y="-2" width="4" height="4" fill="white"/>${ring(14, width + 2 * gap)}</mask>` +
      `<mask id="beside"><rect width="18" height="18" fill="white"/>${mark ? `<circle cx="${MARK.x}" cy="${MARK.y}" r="${MARK.radius + 1.1}" fill="black"/>` : ''}</mask>` +
      `<g mask="url(#beside)"><g transform="translate(9 ${9.2 + knot * LOW}) scale(${knot})">` +
      `<g mask="url(#under)">${fill(whole(0, width), 'black')}</g>${ring(24, width)}${computers.join('')}</g></g>` +
      (mark ? exclamation : ''),
  });
}

/** Where no loop is. */
const MARK = { x: 14.5, y: 3.5, radius: 3.2 };

const exclamation =
  `<mask id="sign"><rect width="18" height="18" fill="white"/><rect x="${MARK.x - 0.6}" y="${MARK.y - 2}" width="1.2" height="2.4" rx=".6" fill="black"/>` +
  `<circle cx="${MARK.x}" cy="${MARK.y + 1.5}" r=".7" fill="black"/></mask><circle cx="${MARK.x}" cy="${MARK.y}" r="${MARK.radius}" mask="url(#sign)"/>`;

/** Points of the window that shows the disk image. */
export const DMG_SIZE = { width: 540, height: 380 };

/** Behind the two icons of the disk image: where to, and nothing else. */
export function dmgBackground() {
  const line = thrown();
  const [tipX, tipY] = line.at(-1) ?? [0, 0];
  const yarn = (/** @type {string} */ d) =>
    `<path d="${d}" fill="none" stroke="#e39a72" stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/>`;
  return svg({
    ...DMG_SIZE,
    body:
      shaded(DMG_SIZE, [0xfb, 0xfb, 0xfe], [0xec, 0xec, 0xf6]) +
      yarn(path(line, 'open')) +
      yarn(`M${tipX - 13},${tipY - 12}L${tipX},${tipY}L${tipX - 13},${tipY + 12}`) +
      '<text x="270" y="330" text-anchor="middle" font-family="-apple-system, Helvetica Neue, Liberation Sans, sans-serif" font-size="14" fill="#55566f">Drag Skein onto Applications</text>',
  });
}

/** A thread from the left icon to the right one that turns once around on its way. */
function thrown() {
  const [before, around, after] = [44, 92, 52];
  /** @type {[number, number][]} */
  const points = [[0, 0]];
  for (let step = 0; step < before + around + after; step += 1) {
    const part = Math.min(1, Math.max(0, (step + 0.5 - before) / around));
    const heading = -2 * Math.PI * part * part * (3 - 2 * part);
    const [x, y] = points.at(-1) ?? [0, 0];
    points.push([x + Math.cos(heading), y + Math.sin(heading)]);
  }
  const [endX] = points.at(-1) ?? [0, 0];
  return points.map(([x, y]) => /** @type {const} */ ([270 - endX / 2 + x, 190 + y]));
}
