import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { icnsParts, readArgb, readIcns, writeIcns } from '../../scripts/app/draw/icns.mjs';
import { readPng, writePng, type Picture } from '../../scripts/app/draw/png.mjs';
import { checkout } from '../../scripts/setup/paths.mjs';

const folder = join(checkout, 'resources', 'icons');
const read = (name: string): Buffer => readFileSync(join(folder, name));
const picture = (name: string): Picture => readPng(read(name));
const pixels = ({ width, height, rgba }: Picture): readonly (readonly number[])[] =>
  Array.from({ length: width * height }, (_, pixel) => [...rgba.subarray(pixel * 4, pixel * 4 + 4)]);
const alphas = ({ rgba }: Picture): readonly number[] =>
  Array.from({ length: rgba.length / 4 }, (_, pixel) => rgba[pixel * 4 + 3]!);
/** Deep-equal looks at each byte by itself, which takes seconds. */
const same = (one: Picture, other: Picture): boolean =>
  one.width === other.width && one.height === other.height && one.rgba.equals(other.rgba);

const tray = (['idle', 'working', 'problem'] as const).flatMap((state) => [
  { name: `tray-${state}Template.png`, size: 18 },
  { name: `tray-${state}Template@2x.png`, size: 36 },
]);

describe.each(tray)('$name', ({ name, size }) => {
  const image = picture(name);

  test(`has ${size} pixels a side`, () => {
    expect([image.width, image.height]).toEqual([size, size]);
  });

  test('is black and alpha alone, as macOS asks of a template', () => {
    expect(pixels(image).filter(([red, green, blue]) => red !== 0 || green !== 0 || blue !== 0)).toEqual([]);
  });

  test('has full and empty places, and fills neither all nor nothing', () => {
    const opaque = alphas(image).filter((alpha) => alpha > 200).length / size ** 2;
    expect(alphas(image)).toEqual(expect.arrayContaining([0, 255]));
    expect(opaque).toBeGreaterThan(0.1);
    expect(opaque).toBeLessThan(0.5);
  });
});

test('the three states look different, at either size', () => {
  for (const size of [18, 36]) {
    const [idle, working, problem] = tray
      .filter((each) => each.size === size)
      .map(({ name }) => picture(name));
    const differ = (one: Picture | undefined, other: Picture | undefined): number =>
      alphas(one!).filter((alpha, pixel) => Math.abs(alpha - (alphas(other!)[pixel] ?? 0)) > 64).length;
    expect(Math.min(differ(idle, working), differ(idle, problem), differ(working, problem))).toBeGreaterThan(
      8,
    );
  }
});

describe('the icon of the app', () => {
  const file = read('icon.icns');
  const parts = readIcns(file);

  test('has all sizes that macOS asks for, from 16 to 1024 pixels, in less than 400 kB', () => {
    const sizes = parts.map(({ name, body }) => {
      const { size, as } = icnsParts.find((each) => each.name === name)!;
      const { width, height } = as === 'ARGB' ? readArgb(body, size) : readPng(body);
      return [name, width, height];
    });
    expect(sizes).toEqual([
      ['ic04', 16, 16],
      ['ic05', 32, 32],
      ['ic11', 32, 32],
      ['ic12', 64, 64],
      ['ic07', 128, 128],
      ['ic13', 256, 256],
      ['ic08', 256, 256],
      ['ic14', 512, 512],
      ['ic09', 512, 512],
      ['ic10', 1024, 1024],
    ]);
    expect(file.length).toBeLessThan(400_000);
  });

  test('both forms of 32 pixels are one picture', () => {
    const body = (name: string): Buffer => parts.find((part) => part.name === name)!.body;
    expect(same(readArgb(body('ic05'), 32), readPng(body('ic11')))).toBe(true);
  });

  test('the large one is on its own, and its tile stands on Apple’s grid', () => {
    const image = picture('icon.png');
    expect([image.width, image.height]).toEqual([1024, 1024]);
    const alpha = (x: number, y: number): number => image.rgba[(y * 1024 + x) * 4 + 3]!;
    expect([alpha(512, 105), alpha(512, 918), alpha(105, 512), alpha(918, 512)]).toEqual([
      255, 255, 255, 255,
    ]);
    // Outside there is a soft shadow at most, in the corners nothing.
    expect(Math.max(alpha(512, 95), alpha(95, 512), alpha(929, 512))).toBeLessThan(128);
    expect([alpha(0, 0), alpha(1023, 0), alpha(0, 1023), alpha(1023, 1023), alpha(120, 120)]).toEqual([
      0, 0, 0, 0, 0,
    ]);
  });
});

test.each([
  ['dmg-background.png', 540, 380],
  ['dmg-background@2x.png', 1080, 760],
])('%s fills the window of the disk image', (name, width, height) => {
  const image = picture(name);
  expect([image.width, image.height]).toEqual([width, height]);
  expect(alphas(image).every((alpha) => alpha === 255)).toBe(true);
});

test('nothing else lies beside them', () => {
  const known = ['icon.icns', 'icon.png', 'dmg-background.png', 'dmg-background@2x.png'];
  expect(readdirSync(folder).toSorted()).toEqual([...known, ...tray.map(({ name }) => name)].toSorted());
});

describe('the files are written so that they read the same', () => {
  const noise = (width: number, height: number, alpha: (pixel: number) => number): Picture => {
    const rgba = Buffer.alloc(width * height * 4);
    for (let pixel = 0; pixel < width * height; pixel += 1) {
      // Runs of all lengths, and rows without any.
      const value = pixel % 7 < 3 ? (pixel * 73) % 256 : Math.floor(pixel / 150) % 256;
      rgba.set([value, (value * 3) % 256, 255 - value, alpha(pixel)], pixel * 4);
    }
    return { width, height, rgba };
  };

  test.each([
    ['opaque', noise(37, 11, () => 255)],
    ['with alpha', noise(11, 37, (pixel) => pixel % 256)],
    ['a single pixel', noise(1, 1, () => 9)],
  ])('a PNG, %s', (_name, image) => {
    expect(same(readPng(writePng(image)), image)).toBe(true);
  });

  test('an icns', async () => {
    // Large ones are packed as the others are, and take long.
    const draw = (size: number): Promise<Picture> => {
      const side = Math.min(size, 64);
      return Promise.resolve(noise(side, side, (pixel) => (pixel % 5 === 0 ? 255 : 0)));
    };
    const [ic04, ic05, , ic12] = readIcns(await writeIcns(draw)).map(({ body }) => body);
    expect(same(readArgb(ic04!, 16), await draw(16))).toBe(true);
    expect(same(readArgb(ic05!, 32), await draw(32))).toBe(true);
    expect(same(readPng(ic12!), await draw(64))).toBe(true);
  });

  test.each([
    ['no PNG', () => readPng(Buffer.from('GIF89a'))],
    ['no icns', () => readIcns(Buffer.from('icns\0\0\0\x20'))],
  ])('%s is refused', (_name, attempt) => {
    expect(attempt).toThrow(/this is no/);
  });
});
