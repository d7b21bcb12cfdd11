import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { MiB } from '../../core/unit.ts';
import { ModelCard } from '../../core/model-card.ts';
import { VERIFIED_FILE } from './verified.ts';

export interface Catalog {
  /** Sorted by model id; one card per id. */
  readonly cards: readonly ModelCard[];
  /** One sentence for each card that was left out or replaced, naming file and field. */
  readonly warnings: readonly string[];
}

const LONGEST_CARD_BYTES = MiB;

/**
 * Reads every `*.json` of the folders as a model card. A card of a later folder replaces an earlier one with the same
 * id, so that people can correct what Skein brings. Never throws: a folder that is not there has no cards.
 */
export function readCatalog(folders: readonly string[]): Catalog {
  const warnings: string[] = [];
  const cards = new Map<string, { readonly card: ModelCard; readonly path: string }>();
  for (const folder of folders) {
    for (const path of cardPaths(folder, warnings)) {
      const card = readCard(path, warnings);
      if (card === undefined) continue;
      const earlier = cards.get(card.modelId);
      if (earlier)
        warnings.push(`The model card ${path} replaces ${earlier.path}: both are for ${card.modelId}.`);
      cards.set(card.modelId, { card, path });
    }
  }
  const sorted = [...cards.values()].map(({ card }) => card);
  sorted.sort((one, other) => (one.modelId < other.modelId ? -1 : 1));
  return { cards: sorted, warnings };
}

function cardPaths(folder: string, warnings: string[]): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json') && !name.startsWith('.') && name !== VERIFIED_FILE)
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') warnings.push(`The folder of model cards ${folder} can't be read: ${message}.`);
    return [];
  }
}

function readCard(path: string, warnings: string[]): ModelCard | undefined {
  try {
    const entry = statSync(path);
    if (!entry.isFile()) throw new Error('it is not a file');
    if (entry.size > LONGEST_CARD_BYTES) throw new Error(`it is longer than ${LONGEST_CARD_BYTES} bytes`);
    const parsed = ModelCard.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    if (parsed.success) return parsed.data;
    throw new Error(parsed.error.issues.slice(0, 5).map(describe).join('; '));
  } catch (error) {
    warnings.push(`The model card ${path} was left out: ${(error as Error).message}.`);
    return undefined;
  }
}

const describe = ({ path, message }: z.core.$ZodIssue): string =>
  path.length === 0 ? message : `${path.join('.')}: ${message}`;
