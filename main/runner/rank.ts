import type { GroupOptions, LoadOptions, RdmaGroupOptions } from '../../native/addon.d.ts';
import type { RankInvitation, RunnerSetup } from '../core/contract/runner.ts';
import { SECOND } from '../core/unit.ts';

/** The node ends a round that is not complete in time, and its reason is to arrive. */
const REASON_MS = 2 * SECOND;

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

export function groupOptionsOf(
  { rank, worldSize: size }: RunnerSetup,
  invitation: RankInvitation,
): GroupOptions | RdmaGroupOptions {
  if ('environment' in invitation) {
    const { up, down, joinMs: openMs } = invitation;
    return { sideChannel: { rank, size, up, down, openMs, roundMs: openMs + REASON_MS } };
  }
  const { addresses, secret, joinMs, silenceMs } = invitation;
  return { rank, addresses, secret: Buffer.from(secret, 'hex'), joinMs, silenceMs };
}

/** MLX reads it when RDMA comes up. An earlier attempt of this process may have left another one. */
export function applyEnvironment(invitation: RankInvitation): void {
  if (!('environment' in invitation)) return;
  for (const [name, value] of Object.entries(invitation.environment)) {
    if (value === null) delete process.env[name];
    else process.env[name] = value;
  }
}

/** The engine knows ranks by number only: their nodes' names are added, once each. */
export function withNames(message: string, { names }: Pick<RankInvitation, 'names'>): string {
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
