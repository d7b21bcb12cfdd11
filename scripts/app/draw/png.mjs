import zlib from 'node:zlib';

/** @typedef {{width: number, height: number, rgba: Buffer}} Picture four bytes a pixel, row by row, alpha not multiplied in */

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);

/** A PNG of 8 bits a channel in colour, with or without alpha, as browsers write them. @param {Buffer} file @returns {Picture} */
export function readPng(file) {
  if (!file.subarray(0, 8).equals(SIGNATURE)) throw new Error('this is no PNG');
  const parts = [...chunks(file)];
  const header = parts.find(({ name }) => name === 'IHDR')?.body;
  if (header === undefined) throw new Error('this PNG has no header');
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const channels = { 2: 3, 6: 4 }[header[9] ?? 0];
  if (header[8] !== 8 || channels === undefined || header[12] !== 0)
    throw new Error('this PNG is neither RGB nor RGBA of 8 bits, line by line');
  const data = zlib.inflateSync(
    Buffer.concat(parts.filter(({ name }) => name === 'IDAT').map(({ body }) => body)),
  );
  const bytes = width * channels;
  const rgba = Buffer.alloc(width * height * 4, 255);
  let above = Buffer.alloc(bytes);
  for (let y = 0; y < height; y += 1) {
    const start = y * (bytes + 1);
    const line = Buffer.from(data.subarray(start + 1, start + 1 + bytes));
    for (let x = 0; x < bytes; x += 1) {
      const guess = predicted(data[start] ?? 0, line, above, x, channels);
      line[x] = ((line[x] ?? 0) + guess) & 255;
    }
    for (let x = 0; x < width; x += 1) {
      line.copy(rgba, (y * width + x) * 4, x * channels, (x + 1) * channels);
    }
    above = line;
  }
  return { width, height, rgba };
}

/** As small as it gets without a loss; alpha is left out where nothing shines through. @param {Picture} picture */
export function writePng({ width, height, rgba }) {
  const isOpaque = rgba.every((value, index) => index % 4 !== 3 || value === 255);
  const channels = isOpaque ? 3 : 4;
  const bytes = width * channels;
  // Which filters compress best depends on the picture: each alone, and for each line the one with the least differences.
  const packed = [0, 1, 2, 3, 4, 'least'].map((choice) => {
    const lines = [];
    let above = Buffer.alloc(bytes);
    for (let y = 0; y < height; y += 1) {
      const line = Buffer.alloc(bytes);
      for (let x = 0; x < width; x += 1) {
        const start = (y * width + x) * 4;
        rgba.copy(line, x * channels, start, start + channels);
      }
      const tried = typeof choice === 'number' ? [choice] : [0, 1, 2, 3, 4];
      lines.push(filtered(line, above, channels, tried));
      above = line;
    }
    return zlib.deflateSync(Buffer.concat(lines), { level: 9, memLevel: 9 });
  });
  const data = packed.reduce((least, each) => (each.length < least.length ? each : least));
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, isOpaque ? 2 : 6], 8);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The line with the filter, of those tried, that leaves the smallest differences, as the PNG specification advises. */
function filtered(
  /** @type {Buffer} */ line,
  /** @type {Buffer} */ above,
  /** @type {number} */ channels,
  /** @type {readonly number[]} */ tried,
) {
  let best = Buffer.alloc(0);
  let least = Infinity;
  for (const filter of tried) {
    const out = Buffer.alloc(line.length + 1);
    out[0] = filter;
    let sum = 0;
    for (let x = 0; x < line.length; x += 1) {
      const difference = ((line[x] ?? 0) - predicted(filter, line, above, x, channels)) & 255;
      out[x + 1] = difference;
      sum += Math.min(difference, 256 - difference);
    }
    if (sum < least) [best, least] = [out, sum];
  }
  return best;
}

/** What a filter takes a byte to be from those left of it and above (PNG specification, 9.2). */
function predicted(
  /** @type {number} */ filter,
  /** @type {Buffer} */ line,
  /** @type {Buffer} */ above,
  /** @type {number} */ x,
  /** @type {number} */ channels,
) {
  const left = line[x - channels] ?? 0;
  const up = above[x] ?? 0;
  const corner = above[x - channels] ?? 0;
  switch (filter) {
    case 0:
      return 0;
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    case 4: {
      const [toLeft, toUp, toCorner] = [
        Math.abs(up - corner),
        Math.abs(left - corner),
        Math.abs(left + up - 2 * corner),
      ];
      if (toLeft <= toUp && toLeft <= toCorner) return left;
      return toUp <= toCorner ? up : corner;
    }
    default:
      throw new Error(`PNG has no filter ${filter}`);
  }
}

/** @param {Buffer} file */
function* chunks(file) {
  for (let at = SIGNATURE.length; at + 12 <= file.length;) {
    const length = file.readUInt32BE(at);
    yield { name: file.toString('latin1', at + 4, at + 8), body: file.subarray(at + 8, at + 8 + length) };
    at += length + 12;
  }
}

/** @param {string} name @param {Buffer} body */
function chunk(name, body) {
  const named = Buffer.concat([Buffer.from(name, 'latin1'), body]);
  const framed = Buffer.alloc(8 + named.length);
  framed.writeUInt32BE(body.length, 0);
  named.copy(framed, 4);
  framed.writeUInt32BE(zlib.crc32(named), 4 + named.length);
  return framed;
}
