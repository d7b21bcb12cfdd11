import type { GroupOptions, LoadOptions } from '../../native/addon.d.ts';
import type { GroupInvitation, RunnerSetup } from '../core/contract/runner.ts';

/** What an engine loads for this runner. */
export function loadOptionsOf({
  modelPath: path,
  rank,
  worldSize: size,
  firstLayer,
  lastLayer,
  group,
  ...rest
}: RunnerSetup): LoadOptions {
  const { maxTasks, maxQueued, contextTokens, prefillChunk, kvBytes } = rest;
  return {
    path,
    firstLayer,
    lastLayer,
    ...(group?.sharding === 'Tensor' && { tensor: { rank, size } }),
    limits: { maxTasks, maxQueued, contextTokens, prefillChunk, kvBytes },
  };
}

export function groupOptionsOf({ rank }: RunnerSetup, invitation: GroupInvitation): GroupOptions {
  const { addresses, secret, joinMs, silenceMs } = invitation;
  return { rank, addresses, secret: Buffer.from(secret, 'hex'), joinMs, silenceMs };
}

/** The engine knows ranks by number only: their nodes' names are added, once each. */
export function withNames(message: string, { names }: Pick<GroupInvitation, 'names'>): string {
  const named = new Set<number>();
  return message.replace(/\brank (\d+)\b/g, (word, digits: string) => {
    const rank = Number(digits);
    const name = names[rank];
    if (name === undefined || named.has(rank)) return word;
    named.add(rank);
    return `${word} on ${name}`;
  });
}

/** For the client of an answer that a lost rank cut off. */
export function cutOff(reason: string): string {
  return `The answer was cut off: ${reason}. Skein starts the model again where it can; ask again in a moment.`;
}
