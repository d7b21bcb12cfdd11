import type { Block, Blocks } from './blocks.ts';

const REFERENCE = /\[([^[\]\n]{1,200})\](?!\()/g;

const labelsOf = new WeakMap<Block, readonly string[]>();

/** What a block might refer to; remembered, because blocks are looked at again with each piece of an answer. */
function labels(block: Block): readonly string[] {
  const known = labelsOf.get(block);
  if (known !== undefined) return known;
  const found =
    block.kind === 'text'
      ? [...new Set(Array.from(block.source.matchAll(REFERENCE), ([, label]) => plain(label ?? '')))]
      : [];
  labelsOf.set(block, found);
  return found;
}

const plain = (label: string): string => label.trim().replace(/\s+/g, ' ').toLowerCase();

/**
 * For each block the `[label]: address` lines that stand in other blocks and that it refers to; '' = none. The first
 * line of a label counts.
 */
export function references({ list }: Blocks): (block: Block) => string {
  const lines = new Map<string, string>();
  for (const { definitions } of list)
    for (const line of definitions) {
      const label = plain(/^ {0,3}\[([^\]]+)\]:/.exec(line)?.[1] ?? '');
      if (!lines.has(label)) lines.set(label, line.trim());
    }
  if (lines.size === 0) return () => '';
  return (block) =>
    labels(block)
      .flatMap((label) => lines.get(label) ?? [])
      .join('\n');
}
