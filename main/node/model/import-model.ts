import { constants } from 'node:fs';
import { access, copyFile, mkdir, readdir, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ModelCard } from '../../core/model-card.ts';
import { ok, refused, type Result } from '../../core/result.ts';
import { formatBytes } from '../../core/unit.ts';
import { readGgufFacts, type GgufFacts } from './gguf-header.ts';
import { sha256OfFile } from './hash-file.ts';

/** Formats the engine reads: name, and bytes of memory for one value once loaded. */
const formats: Readonly<Record<number, { readonly name: string; readonly bytes: number }>> = {
  0: { name: 'F32', bytes: 4 },
  1: { name: 'F16', bytes: 4 },
  2: { name: 'Q4_0', bytes: 0.75 },
  3: { name: 'Q4_1', bytes: 0.75 },
  8: { name: 'Q8_0', bytes: 1.25 },
  30: { name: 'BF16', bytes: 4 },
};

const ARCHITECTURE = 'llama';
/** Keys and values are kept as 32-bit floats. */
const KV_VALUE_BYTES = 4;
const HASH_MS = 30 * 60_000;

export interface ImportInit {
  /** The node's own models. */
  readonly folder: string;
  readonly known: readonly ModelCard[];
  /** Names of the files that are being imported now; kept by whoever asks for imports. */
  readonly underWay: Set<string>;
}

/**
 * Copies a GGUF file, or the only one of a folder, into the node's models folder and writes a card of its header beside it.
 * A file that lies there without a card gets one; one that a known card waits for is put there for it.
 * Nothing is left behind when it is refused, for which the reason is meant for people.
 */
export async function importModel(path: string, init: ImportInit): Promise<Result<ModelCard, string>> {
  try {
    const source = await fileAt(path);
    const { size } = await stat(source);
    const card = cardOf(source, size, await readGgufFacts(source));
    if (!card.ok) return card;
    const { file } = card.value;
    if (init.underWay.has(file))
      return refused(`${file} is being imported already. Wait for the end of that.`);
    init.underWay.add(file);
    try {
      return await take(source, card.value, init);
    } finally {
      init.underWay.delete(file);
      for (const end of [PARTIAL, CARD + PARTIAL]) await rm(join(init.folder, file + end), { force: true });
    }
  } catch (error) {
    return refused(`${path} can't be imported: ${reasonOf(error)}.`);
  }
}

const CARD = '.json';
const PARTIAL = '.partial';

async function take(
  source: string,
  card: ModelCard,
  { folder, known }: ImportInit,
): Promise<Result<ModelCard, string>> {
  const { modelId, file, fileBytes } = card;
  const target = join(folder, file);
  const twin = known.find((each) => each.modelId === modelId || each.file === file);
  const lies = await exists(target);
  if (lies && twin === undefined) return adopt(source, card, target);
  if (lies || (twin !== undefined && twin.file !== file)) {
    return refused(
      `${file} is here already, as the model ${twin?.modelId ?? modelId}. Rename the file to import it beside that.`,
    );
  }
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < fileBytes) {
    return refused(
      `${file} has ${formatBytes(fileBytes)}, and ${formatBytes(bavail * bsize)} are free in ${folder}. Free some space and import it again.`,
    );
  }
  await copyFile(source, target + PARTIAL, constants.COPYFILE_FICLONE);
  const sha256 = await hashOf(target + PARTIAL);
  if (twin !== undefined) {
    if (twin.fileBytes !== fileBytes || (twin.sha256 !== null && twin.sha256 !== sha256)) {
      return refused(
        `${file} is not the file of the model ${twin.modelId}, which has that name. Rename the file to import it beside that.`,
      );
    }
    await rename(target + PARTIAL, target);
    return ok(twin);
  }
  const pinned = { ...card, sha256 };
  await writePartialCard(target, pinned);
  await rename(target + PARTIAL, target);
  await rename(target + CARD + PARTIAL, target + CARD);
  return ok(pinned);
}

/** A file that people put there themselves, or that an import left which was cut off before its card. */
async function adopt(source: string, card: ModelCard, target: string): Promise<Result<ModelCard, string>> {
  const sha256 = await hashOf(target);
  if ((await hashOf(source)) !== sha256) {
    return refused(
      `Another file lies at ${target}, and no card says what it is. Import that one, or rename yours to import it beside that.`,
    );
  }
  const pinned = { ...card, sha256 };
  await writePartialCard(target, pinned);
  await rename(target + CARD + PARTIAL, target + CARD);
  return ok(pinned);
}

const writePartialCard = (target: string, card: ModelCard): Promise<void> =>
  writeFile(target + CARD + PARTIAL, `${JSON.stringify(card, null, 2)}\n`);

const hashOf = (path: string): Promise<string> =>
  sha256OfFile(path, { signal: AbortSignal.timeout(HASH_MS), onBytes: () => undefined });

async function fileAt(path: string): Promise<string> {
  const entry = await stat(path);
  if (entry.isFile()) return path;
  if (!entry.isDirectory()) throw new Error('it is neither a file nor a folder');
  const names = (await readdir(path)).filter((name) => name.toLowerCase().endsWith('.gguf'));
  const [only, ...more] = names;
  if (only === undefined) throw new Error('there is no .gguf file in this folder');
  if (more.length > 0) throw new Error(`this folder has ${names.length} .gguf files; name one of them`);
  const file = join(path, only);
  // To open a named pipe would wait for ever.
  if (!(await stat(file)).isFile()) throw new Error(`${only} in it is not a file`);
  return file;
}

function cardOf(
  path: string,
  fileBytes: number,
  { metadata, tensors }: GgufFacts,
): Result<ModelCard, string> {
  const text = (key: string): string | undefined => {
    const value = metadata.get(key);
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
  };
  const count = (key: string): number | undefined => {
    const value = metadata.get(`${ARCHITECTURE}.${key}`);
    return typeof value === 'number' ? value : undefined;
  };
  const architecture = text('general.architecture') ?? 'unknown';
  if (architecture !== ARCHITECTURE) {
    return refused(
      `It is a model of the architecture ${architecture.slice(0, 64)}, and this release runs ${ARCHITECTURE} only.`,
    );
  }
  const unknown = tensors.find(({ type }) => formats[type] === undefined);
  if (unknown !== undefined) {
    const names = Object.values(formats).map(({ name }) => name);
    return refused(
      `Its tensor ${unknown.name.slice(0, 64)} has the format number ${unknown.type}; this release reads ${names.join(', ')}.`,
    );
  }
  const file = fileNameOf(path);
  const heads = count('attention.head_count') ?? 0;
  const kvHeads = count('attention.head_count_kv') ?? heads;
  const hiddenSize = count('embedding_length') ?? 0;
  const layers = count('block_count') ?? 0;
  const headSize = count('attention.key_length') ?? hiddenSize / Math.max(1, heads);
  const values = (shape: readonly number[]): number => shape.reduce((product, each) => product * each, 1);
  const parsed = ModelCard.safeParse({
    modelId: file.slice(0, -'.gguf'.length),
    title: (text('general.name') ?? file.slice(0, -'.gguf'.length)).slice(0, 200),
    file,
    fileBytes,
    sha256: null,
    architecture,
    quantization: commonFormat(tensors),
    layers,
    hiddenSize,
    heads,
    kvHeads,
    contextLength: count('context_length') ?? 0,
    weightBytes: Math.ceil(
      tensors.reduce((sum, { shape, type }) => sum + values(shape) * (formats[type]?.bytes ?? 4), 0),
    ),
    kvBytesPerToken: 2 * layers * kvHeads * headSize * KV_VALUE_BYTES,
    shardings: ['Pipeline', 'Tensor'],
    license: (text('general.license') ?? 'unknown').slice(0, 100),
  });
  if (parsed.success) return ok(parsed.data);
  const [issue] = parsed.error.issues;
  return refused(`Its header makes no sense: ${String(issue?.path.join('.'))} ${issue?.message ?? ''}.`);
}

/** Of most values. */
function commonFormat(tensors: GgufFacts['tensors']): string {
  const sizes = new Map<number, number>();
  for (const { type, shape } of tensors) {
    sizes.set(type, (sizes.get(type) ?? 0) + shape.reduce((product, each) => product * each, 1));
  }
  const [most] = [...sizes].toSorted(([, one], [, other]) => other - one);
  return formats[most?.[0] ?? -1]?.name ?? 'unknown';
}

/** A name as cards allow it. */
function fileNameOf(path: string): string {
  const plain = basename(path)
    .replace(/\.gguf$/i, '')
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 120);
  return `${plain === '' ? 'model' : plain}.gguf`;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is nothing at this path';
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not read it';
  return message.replace(/\.$/, '');
}
