import { writePng } from './png.mjs';

/** @typedef {import('./png.mjs').Picture} Picture */

/**
 * Apple's container of one icon in many sizes: four letters and a length before each. `ARGB` is what macOS 11 and later
 * want of the two smallest: a PNG there is not shown for an app.
 */
export const icnsParts = /** @type {const} */ ([
  { name: 'ic04', size: 16, as: 'ARGB' },
  { name: 'ic05', size: 32, as: 'ARGB' },
  { name: 'ic11', size: 32, as: 'PNG' },
  { name: 'ic12', size: 64, as: 'PNG' },
  { name: 'ic07', size: 128, as: 'PNG' },
  { name: 'ic13', size: 256, as: 'PNG' },
  { name: 'ic08', size: 256, as: 'PNG' },
  { name: 'ic14', size: 512, as: 'PNG' },
  { name: 'ic09', size: 512, as: 'PNG' },
  { name: 'ic10', size: 1024, as: 'PNG' },
]);

/** @param {(size: number) => Promise<Picture>} draw asked once for each size */
export async function writeIcns(draw) {
  /** @type {Map<number, Picture>} */
  const drawn = new Map();
  const parts = [];
  for (const { name, size, as } of icnsParts) {
    const picture = drawn.get(size) ?? (await draw(size));
    drawn.set(size, picture);
    parts.push(part(name, as === 'PNG' ? writePng(picture) : argb(picture)));
  }
  return part('icns', Buffer.concat(parts));
}

/** @param {Buffer} file @returns {{name: string, body: Buffer}[]} */
export function readIcns(file) {
  if (file.toString('latin1', 0, 4) !== 'icns' || file.readUInt32BE(4) !== file.length)
    throw new Error('this is no icns of its own length');
  const parts = [];
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at + 4);
    if (length < 8) throw new Error('a part of this icns is shorter than its own head');
    parts.push({ name: file.toString('latin1', at, at + 4), body: file.subarray(at + 8, at + length) });
    at += length;
  }
  return parts;
}

/** @param {string} name @param {Buffer} body */
function part(name, body) {
  const head = Buffer.alloc(8);
  head.write(name, 'latin1');
  head.writeUInt32BE(body.length + 8, 4);
  return Buffer.concat([head, body]);
}

/** Alpha, red, green, blue, each packed on its own. @param {Picture} picture */
function argb({ rgba }) {
  const channel = (/** @type {number} */ offset) =>
    Buffer.from(rgba.filter((_, index) => index % 4 === offset));
  return Buffer.concat([Buffer.from('ARGB'), ...[3, 0, 1, 2].map((offset) => packed(channel(offset)))]);
}

const [SHORTEST_RUN, LONGEST_RUN, LONGEST_ROW] = [3, 130, 128];

/** Runs of 3 to 130 equal bytes as `125 + n, byte`, others as `n - 1, bytes`. @param {Buffer} bytes */
function packed(bytes) {
  /** @type {number[]} */
  const out = [];
  let row = 0;
  const endRow = (/** @type {number} */ end) => {
    for (; row < end; row += LONGEST_ROW) {
      const piece = bytes.subarray(row, Math.min(end, row + LONGEST_ROW));
      out.push(piece.length - 1, ...piece);
    }
    row = end;
  };
  for (let at = 0; at < bytes.length;) {
    let length = 1;
    while (length < LONGEST_RUN && bytes[at + length] === bytes[at] && at + length < bytes.length)
      length += 1;
    if (length >= SHORTEST_RUN) {
      endRow(at);
      out.push(length - SHORTEST_RUN + 128, bytes[at] ?? 0);
      row = at + length;
    }
    at += length;
  }
  endRow(bytes.length);
  return Buffer.from(out);
}

/** The reverse of what `argb` writes. @param {Buffer} body @param {number} size @returns {Picture} */
export function readArgb(body, size) {
  if (body.toString('latin1', 0, 4) !== 'ARGB') throw new Error('this part is no ARGB');
  /** @type {number[]} */
  const planes = [];
  for (let at = 4; at < body.length;) {
    const head = body[at] ?? 0;
    if (head < 128) planes.push(...body.subarray(at + 1, at + 2 + head));
    else planes.push(...Array(head - 128 + SHORTEST_RUN).fill(body[at + 1]));
    at += head < 128 ? head + 2 : 2;
  }
  const pixels = size * size;
  if (planes.length !== 4 * pixels) throw new Error(`this ARGB has ${planes.length} bytes`);
  const rgba = Buffer.alloc(4 * pixels);
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    [1, 2, 3, 0].forEach((plane, index) => (rgba[pixel * 4 + index] = planes[plane * pixels + pixel] ?? 0));
  }
  return { width: size, height: size, rgba };
}
