import fs from 'node:fs';
import path from 'node:path';
import { checkout } from '../setup/paths.mjs';

/**
 * Draws every picture of the app from the shapes below: `node scripts/app/draw-icons.mjs`. A skein of yarn, its strands
 * running through two loops and held by one band: several computers, one thread.
 */

const folder = path.join(checkout, 'resources', 'icons');
const CHROMIUM = '/usr/bin/chromium';

/** A strand through both loops, in a box of 2 × 1 around its middle: a lemniscate, `scale` wide and `height` high. */
function strand(/** @type {number} */ scale, /** @type {number} */ height) {
  const points = [];
  for (let step = 0; step <= 160; step += 1) {
    const angle = (step / 160) * 2 * Math.PI;
    const round = 1 + Math.sin(angle) ** 2;
    const x = (scale * Math.cos(angle)) / round;
    const y = (height * Math.SQRT2 * Math.sin(angle) * Math.cos(angle)) / round;
    points.push(`${x.toFixed(4)},${y.toFixed(4)}`);
  }
  return `M${points.join('L')}Z`;
}

/** @param {{size: number, body: string}} what */
const svg = ({ size, body }) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}" viewBox="0 0 ${size} ${size}">${body}</svg>`;

/** Apple's grid: of 1024, 824 are the tile. Small ones have one thick strand, since three would run together. */
function appIcon(/** @type {number} */ size) {
  const strands =
    size <= 64
      ? [{ scale: 0.98, height: 0.92, width: 0.26, colour: '#ffd0a0' }]
      : [
          { scale: 1.06, height: 1.12, width: 0.1, colour: '#ffd9a8' },
          { scale: 0.88, height: 0.8, width: 0.1, colour: '#ffb38a' },
          { scale: 0.68, height: 0.48, width: 0.1, colour: '#ff8a80' },
        ];
  const yarn = strands
    .map(
      ({ scale, height, width, colour }) =>
        `<path d="${strand(scale, height)}" fill="none" stroke="#140f3a" stroke-opacity=".38" stroke-width="${width + 0.055}" stroke-linejoin="round"/>` +
        `<path d="${strand(scale, height)}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-linejoin="round"/>`,
    )
    .join('');
  return svg({
    size: 1024,
    body:
      '<defs><linearGradient id="tile" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#5b5fe0"/><stop offset="1" stop-color="#2a2375"/></linearGradient>' +
      '<linearGradient id="band" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#ffffff"/><stop offset="1" stop-color="#dcdcf5"/></linearGradient>' +
      '<filter id="shade" x="-20%" y="-20%" width="140%" height="140%"><feDropShadow dx="0" dy="12" stdDeviation="14" flood-color="#000" flood-opacity=".32"/></filter>' +
      '<filter id="lift" x="-50%" y="-50%" width="200%" height="200%"><feDropShadow dx="0" dy="0.02" stdDeviation="0.025" flood-color="#140f3a" flood-opacity=".5"/></filter></defs>' +
      `<path filter="url(#shade)" fill="url(#tile)" d="${tile(100, 824, 5)}"/>` +
      `<g transform="translate(512 512) scale(318)">${yarn}` +
      '<rect x="-0.135" y="-0.36" width="0.27" height="0.72" rx="0.07" fill="url(#band)" filter="url(#lift)"/></g>',
  });
}

/** A superellipse, which is what the tiles of macOS are close to. */
function tile(/** @type {number} */ from, /** @type {number} */ size, /** @type {number} */ power) {
  const middle = from + size / 2;
  const points = [];
  for (let step = 0; step < 360; step += 1) {
    const angle = (step / 180) * Math.PI;
    const along = (/** @type {number} */ value) =>
      Math.sign(value) * Math.abs(value) ** (2 / power) * (size / 2);
    points.push(
      `${(middle + along(Math.cos(angle))).toFixed(2)},${(middle + along(Math.sin(angle))).toFixed(2)}`,
    );
  }
  return `M${points.join('L')}Z`;
}

/** Black and alpha only: macOS colours it. Points in the loops say that something works, one beside that something is wrong. */
function trayIcon(/** @type {'idle' | 'working' | 'problem'} */ state) {
  const points = {
    idle: '',
    working: '<circle cx="4.9" cy="9" r="1.6"/><circle cx="13.1" cy="9" r="1.6"/>',
    problem: '<circle cx="14.7" cy="14.2" r="2.7"/>',
  }[state];
  const gap = state === 'problem' ? '<circle cx="14.7" cy="14.2" r="4.1" fill="black"/>' : '';
  return svg({
    size: 18,
    body:
      `<mask id="gap"><rect width="18" height="18" fill="white"/>${gap}</mask><g mask="url(#gap)">` +
      `<path transform="translate(9 9) scale(7.7)" d="${strand(1, 1.18)}" fill="none" stroke="black" stroke-width="0.2" stroke-linejoin="round"/>` +
      `<rect x="8" y="5.4" width="2" height="7.2" rx="1" fill="black"/></g>${points}`,
  });
}

/** Behind the two icons of the disk image: where to, and nothing else. */
function dmgBackground() {
  return (
    '<svg xmlns="http://www.w3.org/2000/svg" width="540" height="380" viewBox="0 0 540 380">' +
    '<defs><linearGradient id="paper" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#fbfbfe"/><stop offset="1" stop-color="#ececf6"/></linearGradient></defs>' +
    '<rect width="540" height="380" fill="url(#paper)"/>' +
    '<g fill="none" stroke="#8d8fc9" stroke-width="5" stroke-linecap="round" stroke-linejoin="round"><path d="M232 188h70"/><path d="M284 170l20 18-20 18"/></g>' +
    '<text x="270" y="336" text-anchor="middle" font-family="-apple-system, Helvetica Neue, Liberation Sans, sans-serif" font-size="15" fill="#55566f">Drag Skein to your Applications</text></svg>'
  );
}

/** An `.icns` is a list of PNGs, each behind its four letters and its length. */
const ICNS = /** @type {const} */ ([
  ['icp4', 16],
  ['icp5', 32],
  ['ic11', 32],
  ['ic12', 64],
  ['ic07', 128],
  ['ic13', 256],
  ['ic08', 256],
  ['ic14', 512],
  ['ic09', 512],
  ['ic10', 1024],
]);

/** @param {(size: number) => Promise<Buffer>} draw */
async function icns(draw) {
  /** @type {Map<number, Buffer>} */
  const drawn = new Map();
  for (const [, size] of ICNS) drawn.set(size, drawn.get(size) ?? (await draw(size)));
  const parts = ICNS.map(([name, size]) => chunk(name, drawn.get(size) ?? Buffer.alloc(0)));
  return chunk('icns', Buffer.concat(parts));
}

/** @param {string} name @param {Buffer} body */
function chunk(name, body) {
  const head = Buffer.alloc(8);
  head.write(name, 'latin1');
  head.writeUInt32BE(body.length + 8, 4);
  return Buffer.concat([head, body]);
}

const { chromium } = await import('playwright');
const browser = await chromium.launch({
  ...(fs.existsSync(CHROMIUM) ? { executablePath: CHROMIUM } : {}),
  args: ['--no-sandbox', '--disable-gpu', '--force-color-profile=srgb'],
});

/** @param {string} picture @param {{width: number, height: number, times: number}} size */
async function render(picture, { width, height, times }) {
  const page = await browser.newPage({ viewport: { width, height }, deviceScaleFactor: times });
  const url = `data:image/svg+xml;base64,${Buffer.from(picture).toString('base64')}`;
  await page.setContent(
    `<style>*{margin:0}img{display:block;width:${width}px;height:${height}px}</style><img src="${url}">`,
  );
  const image = await page.screenshot({ omitBackground: true });
  await page.close();
  return image;
}

fs.mkdirSync(folder, { recursive: true });
const write = (/** @type {string} */ name, /** @type {Buffer} */ image) => {
  fs.writeFileSync(path.join(folder, name), image);
  process.stdout.write(`${name} ${image.length}\n`);
};
const square = (/** @type {number} */ size) => ({ width: size, height: size, times: 1 });
write('icon.png', await render(appIcon(512), square(512)));
write('icon.icns', await icns((size) => render(appIcon(size), square(size))));
for (const state of /** @type {const} */ (['idle', 'working', 'problem'])) {
  for (const [suffix, times] of /** @type {const} */ ([
    ['', 1],
    ['@2x', 2],
  ])) {
    const image = await render(trayIcon(state), { width: 18, height: 18, times });
    write(`tray-${state}Template${suffix}.png`, image);
  }
}
write('dmg-background.png', await render(dmgBackground(), { width: 540, height: 380, times: 1 }));
write('dmg-background@2x.png', await render(dmgBackground(), { width: 540, height: 380, times: 2 }));
await browser.close();
