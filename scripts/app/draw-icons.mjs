/**
 * Draws every picture of the app anew, out of shapes alone, with the browser of the tests as its pen:
 * `node scripts/app/draw-icons.mjs`, or with a folder to draw them into.
 */
import fs from 'node:fs';
import path from 'node:path';
import { checkout } from '../setup/paths.mjs';
import { writeIcns } from './draw/icns.mjs';
import { appIcon, DMG_SIZE, dmgBackground, TRAY_SIZE, trayIcon } from './draw/pictures.mjs';
import { readPng, writePng } from './draw/png.mjs';

const folder = path.resolve(process.argv[2] ?? path.join(checkout, 'resources', 'icons'));
const CHROMIUM = '/usr/bin/chromium';

// Only the packages step brings it.
const { chromium } = await import('playwright');
const browser = await chromium.launch({
  ...(fs.existsSync(CHROMIUM) ? { executablePath: CHROMIUM } : {}),
  args: ['--no-sandbox', '--disable-gpu', '--force-color-profile=srgb'],
});

/** @param {string} svg @param {{width: number, height: number}} size in pixels @param {number} times pixels a point */
async function render(svg, { width, height }, times = 1) {
  const page = await browser.newPage({ viewport: { width, height }, deviceScaleFactor: times });
  const url = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
  await page.setContent(
    `<style>*{margin:0}img{display:block;width:${width}px;height:${height}px}</style><img src="${url}">`,
  );
  const image = readPng(await page.screenshot({ omitBackground: true }));
  await page.close();
  return image;
}

/** Every other shade left out, which nobody sees and makes soft shadows a quarter smaller. @param {import('./draw/png.mjs').Picture} picture */
function calmed({ width, height, rgba }) {
  return { width, height, rgba: Buffer.from(rgba.map((value) => Math.min(255, 2 * Math.round(value / 2)))) };
}

const write = (/** @type {string} */ name, /** @type {Buffer} */ file) => {
  fs.writeFileSync(path.join(folder, name), file);
  process.stdout.write(`${name} ${file.length}\n`);
};
const scales = /** @type {const} */ ([
  ['', 1],
  ['@2x', 2],
]);

try {
  fs.mkdirSync(folder, { recursive: true });
  const icon = async (/** @type {number} */ size) =>
    calmed(await render(appIcon(size), { width: size, height: size }));
  write('icon.png', writePng(await icon(1024)));
  write('icon.icns', await writeIcns(icon));
  for (const [suffix, times] of scales) {
    for (const state of /** @type {const} */ (['idle', 'working', 'problem'])) {
      const image = await render(trayIcon(state), { width: TRAY_SIZE, height: TRAY_SIZE }, times);
      write(`tray-${state}Template${suffix}.png`, writePng(image));
    }
    write(`dmg-background${suffix}.png`, writePng(await render(dmgBackground(), DMG_SIZE, times)));
  }
} finally {
  await browser.close();
}
