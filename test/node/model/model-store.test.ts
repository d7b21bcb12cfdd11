import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../main/node/clock.ts';
import { createLog } from '../../../main/node/log.ts';
import { ModelStore, type EnsureInit, type ModelFile } from '../../../main/node/model/model-store.ts';
import { card } from '../../support/builders.ts';

const log = createLog({ level: 'silent', now: () => 0, write: () => undefined });
const content = Buffer.alloc(3_500_000, 'skein');
const sha256 = createHash('sha256').update(content).digest('hex');
const tiny = card({ fileBytes: content.length, sha256 });

interface Given {
  readonly data: string;
  readonly shared: string;
  /** As after a restart: what is remembered is read from disk. */
  readonly store: () => ModelStore;
}

function given(): Given {
  const root = mkdtempSync(join(tmpdir(), 'skein-models-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const [data, shared] = [join(root, 'data'), join(root, 'shared')];
  mkdirSync(data);
  mkdirSync(shared);
  const store = (): ModelStore =>
    new ModelStore({ clock: systemClock, log }, { folder: data, readOnlyFolders: [shared] });
  return { data, shared, store };
}

const unheard = (signal = new AbortController().signal): EnsureInit => ({
  signal,
  onProgress: () => undefined,
});

function message(result: ModelFile): string {
  expect(result.ok).toBe(false);
  return result.ok ? '' : result.error.message;
}

describe('a file that is what its card says', () => {
  test('in the data folder → its path, and the last progress is all of it', async () => {
    const { data, store } = given();
    writeFileSync(join(data, tiny.file), content);
    const progress: number[] = [];
    const result = await store().ensure(tiny, {
      signal: new AbortController().signal,
      onProgress: (done, total) => progress.push(done / total),
    });
    expect(result).toEqual({ ok: true, value: { path: join(data, tiny.file) } });
    expect(progress.at(-1)).toBe(1);
  });

  test('only in a read-only folder, or a bad one in the data folder → the good one', async () => {
    const { data, shared, store } = given();
    writeFileSync(join(data, tiny.file), content.subarray(1));
    writeFileSync(join(shared, tiny.file), content);
    expect(await store().ensure(tiny, unheard())).toEqual({
      ok: true,
      value: { path: join(shared, tiny.file) },
    });
  });

  test('behind a symbolic link → fine', async () => {
    const { data, shared, store } = given();
    writeFileSync(join(shared, 'elsewhere'), content);
    symlinkSync(join(shared, 'elsewhere'), join(data, tiny.file));
    expect((await store().ensure(tiny, unheard())).ok).toBe(true);
  });

  test('a card that pins no hash → only the size is checked', async () => {
    const { data, store } = given();
    writeFileSync(join(data, tiny.file), Buffer.alloc(content.length));
    expect((await store().ensure({ ...tiny, sha256: null }, unheard())).ok).toBe(true);
  });
});

describe('what was verified is remembered', () => {
  test('unchanged after a restart → not read again', async () => {
    const { data, store } = given();
    const path = join(data, tiny.file);
    writeFileSync(path, content);
    const { atime, mtime } = { atime: new Date(1_700_000_000_000), mtime: new Date(1_700_000_000_000) };
    utimesSync(path, atime, mtime);
    await store().ensure(tiny, unheard());
    // Same size, time and inode: only a store that reads it would notice.
    writeFileSync(path, Buffer.alloc(content.length), { flag: 'r+' });
    utimesSync(path, atime, mtime);
    expect((await store().ensure(tiny, unheard())).ok).toBe(true);
  });

  test('changed after that → read again', async () => {
    const { data, store } = given();
    writeFileSync(join(data, tiny.file), content);
    await store().ensure(tiny, unheard());
    writeFileSync(join(data, tiny.file), Buffer.alloc(content.length));
    utimesSync(join(data, tiny.file), 1, 1);
    expect(message(await store().ensure(tiny, unheard()))).toMatch(/has the SHA-256 [0-9a-f]{64} instead of/);
  });

  test.each(['', '{', '[]', '{"version":9,"files":[]}', '{"version":1,"files":[{"path":7}]}'])(
    'a verified.json that says %j → ignored and written anew',
    async (damaged) => {
      const { data, store } = given();
      writeFileSync(join(data, tiny.file), content);
      writeFileSync(join(data, 'verified.json'), damaged);
      expect((await store().ensure(tiny, unheard())).ok).toBe(true);
      expect(JSON.parse(readFileSync(join(data, 'verified.json'), 'utf8'))).toMatchObject({
        version: 1,
        files: [{ path: join(data, tiny.file), sha256 }],
      });
    },
  );

  test('verified.json can not be written → the model is still there', async () => {
    const { data, store } = given();
    writeFileSync(join(data, tiny.file), content);
    mkdirSync(join(data, 'verified.json'));
    expect((await store().ensure(tiny, unheard())).ok).toBe(true);
  });
});

describe('a file that can not be used → a message with the file, the finding and what to do', () => {
  test('nowhere', async () => {
    const { data, shared, store } = given();
    expect(message(await store().ensure(tiny, unheard()))).toBe(
      `The file of Tiny can't be used: ${data}/tiny.gguf does not exist; ${shared}/tiny.gguf does not exist. ` +
        `Put tiny.gguf (3.34 MiB, SHA-256 ${sha256}) into ${data} and retry.`,
    );
  });

  test.each<[string, (path: string) => void, RegExp]>([
    [
      'too short',
      (path) => writeFileSync(path, 'x'),
      /has 1 bytes instead of 3500000, so it is probably incomplete/,
    ],
    [
      'too long',
      (path) => writeFileSync(path, Buffer.alloc(3_500_001)),
      /has 3500001 bytes instead of 3500000;/,
    ],
    [
      'wrong content',
      (path) => writeFileSync(path, Buffer.alloc(3_500_000)),
      /has the SHA-256 \w+ instead of \w+;/,
    ],
    ['a folder', (path) => mkdirSync(path), /tiny\.gguf is not a file/],
    ['a named pipe', (path) => execFileSync('mkfifo', [path]), /tiny\.gguf is not a file/],
    ['a link to a device', (path) => symlinkSync('/dev/zero', path), /tiny\.gguf is not a file/],
    ['a link to nothing', (path) => symlinkSync('/nowhere', path), /tiny\.gguf is a link to nothing/],
    ['a link to itself', (path) => symlinkSync(path, path), /tiny\.gguf can't be read \(ELOOP/],
  ])('%s', async (_name, make, expected) => {
    const { data, store } = given();
    make(join(data, tiny.file));
    expect(message(await store().ensure(tiny, unheard()))).toMatch(expected);
  });
});

describe('several callers', () => {
  test('of one model → one reading, all are answered', async () => {
    const { data, store } = given();
    writeFileSync(join(data, tiny.file), content);
    const shared = store();
    const results = await Promise.all([1, 2, 3].map(() => shared.ensure(tiny, unheard())));
    expect(results.every(({ ok }) => ok)).toBe(true);
  });

  test('one gives up → it is answered at once, the other gets the model', async () => {
    const { data, store } = given();
    writeFileSync(join(data, tiny.file), content);
    const shared = store();
    const impatient = new AbortController();
    const first = shared.ensure(tiny, unheard(impatient.signal));
    const second = shared.ensure(tiny, unheard());
    impatient.abort();
    expect(await first).toMatchObject({ ok: false, error: { type: 'Aborted' } });
    expect((await second).ok).toBe(true);
  });

  test('all give up → nothing is remembered, a later one starts anew', async () => {
    const { data, store } = given();
    writeFileSync(join(data, tiny.file), content);
    const shared = store();
    const impatient = new AbortController();
    const first = shared.ensure(tiny, unheard(impatient.signal));
    impatient.abort();
    expect((await first).ok).toBe(false);
    expect((await shared.ensure(tiny, unheard())).ok).toBe(true);
  });

  test('given up before it began → no work', async () => {
    const { store } = given();
    expect(await store().ensure(tiny, unheard(AbortSignal.abort()))).toMatchObject({
      error: { type: 'Aborted' },
    });
  });
});

test('the event loop goes on while a big file is hashed', async () => {
  const { data, store } = given();
  const big = card({ fileBytes: 200_000_000, sha256: '0'.repeat(64) });
  writeFileSync(join(data, big.file), Buffer.alloc(big.fileBytes));
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  const progress: number[] = [];
  const startedAt = performance.now();
  await store().ensure(big, {
    signal: new AbortController().signal,
    onProgress: (done) => progress.push(done),
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  clearInterval(timer);
  console.log(`hashed at ${(0.2 / seconds).toFixed(2)} GB/s, ${turns} turns of the event loop in between`);
  expect(turns).toBeGreaterThan(10);
  expect(progress).toEqual([...progress].sort((one, other) => one - other));
});
