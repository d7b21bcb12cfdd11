import {
  CommandAnswer,
  CreateMetaInstanceAnswer,
  MetaInstancesAnswer,
  MetaInstanceView,
} from '../../core/contract/rest.ts';
import type { Invocation } from '../invocation.ts';
import { CliError, exitCodes, type ExitCode } from '../exit.ts';
import { formatList, notesOf } from '../format.ts';
import type { Session } from '../session.ts';
import { printable, printableJson, styleFor, widthOf } from '../terminal.ts';

type Of<Type extends Invocation['type']> = Extract<Invocation, { type: Type }>;

export async function create({ client, io, signal }: Session, asked: Of<'create'>): Promise<ExitCode> {
  const answer = await client.call('/meta_instance', CreateMetaInstanceAnswer, {
    signal,
    body: {
      model_id: asked.model,
      meta_instance_id: asked.name,
      sharding: asked.sharding,
      instance_meta: asked.interconnect,
      min_nodes: asked.minNodes,
      max_nodes: asked.maxNodes,
      node_ids: asked.nodes,
      placement: asked.placement,
      context_length: asked.context,
      priority: asked.priority,
      ...(asked.preempt && { preempt: true }),
      idle_unload_seconds: asked.idleUnload,
    },
  });
  const id = answer.meta_instance_id;
  if (!asked.wait) {
    io.stdout.write(asked.json ? `${printableJson(answer)}\n` : `${printable(id)}\n`);
    return exitCodes.ok;
  }
  const view = await untilReady({ client, io, signal }, { id, timeoutMs: asked.timeoutMs });
  io.stdout.write(asked.json ? `${printableJson(view)}\n` : `${printable(id)}\n`);
  return exitCodes.ok;
}

export async function update({ client, io, signal }: Session, asked: Of<'update'>): Promise<ExitCode> {
  const answer = await client.call(pathOf(asked.id), CommandAnswer, {
    method: 'PATCH',
    signal,
    body: {
      model_id: asked.model,
      sharding: asked.sharding,
      instance_meta: asked.interconnect,
      min_nodes: asked.minNodes,
      max_nodes: asked.maxNodes,
      node_ids: asked.nodes,
      placement: asked.placement,
      context_length: asked.context,
      priority: asked.priority,
      preempt: asked.preempt,
      idle_unload_seconds: asked.idleUnload,
    },
  });
  if (asked.json) io.stdout.write(`${printableJson(answer)}\n`);
  return exitCodes.ok;
}

export async function list({ client, io, signal }: Session, { json }: Of<'ls'>): Promise<ExitCode> {
  const answer = await client.call('/meta_instances', MetaInstancesAnswer, { signal });
  const text = json
    ? `${printableJson(answer)}\n`
    : formatList(Object.values(answer), {
        width: widthOf(io.stdout),
        now: io.now(),
        style: styleFor(io.stdout, io.env),
      });
  io.stdout.write(text);
  return exitCodes.ok;
}

/** Commands about one that exists and that need no more than its name. */
export async function askAbout(
  { client, io, signal }: Session,
  { type, id, json }: Of<'rm'> | Of<'retry' | 'pause' | 'resume'>,
): Promise<ExitCode> {
  const path = pathOf(id);
  const answer =
    type === 'rm'
      ? await client.call(path, CommandAnswer, { method: 'DELETE', signal })
      : await client.call(`${path}/${type}`, CommandAnswer, { method: 'POST', signal });
  if (json) io.stdout.write(`${printableJson(answer)}\n`);
  return exitCodes.ok;
}

const LOOK_MS = 200;

/**
 * Tells each change of phase on stderr until it is ready.
 * @throws CliError `failed` when its retries are used up or the time is, `notFound` when someone removed it
 */
async function untilReady(
  { client, io, signal }: Session,
  { id, timeoutMs }: { readonly id: string; readonly timeoutMs: number },
): Promise<MetaInstanceView> {
  const deadline = io.now() + timeoutMs;
  let told = '';
  for (;;) {
    const view = await client.call(pathOf(id), MetaInstanceView, { signal });
    if (view.phase === 'READY' || view.phase === 'RUNNING') return view;
    const reasons = notesOf({ ...view, nextAttemptAt: null }, io.now());
    if (view.phase === 'FAILED') {
      throw new CliError(
        exitCodes.failed,
        [`${id} failed after ${view.maxRetries} retries.`, ...reasons].join('\n'),
      );
    }
    const now = [view.phaseLabel, view.placementError ?? '', view.lastFailure?.message ?? ''].join(' ');
    if (now !== told)
      io.stderr.write(`${printable([`${id}: ${view.phaseLabel}`, ...reasons].join('\n  '))}\n`);
    told = now;
    if (io.now() > deadline) {
      throw new CliError(
        exitCodes.failed,
        `${id} is not ready after ${timeoutMs / 1_000} s (${view.phaseLabel}). The node goes on trying; \`skein ls\` shows how it stands.`,
      );
    }
    await pause(LOOK_MS, signal);
  }
}

function pathOf(id: string): string {
  return `/meta_instance/${encodeURIComponent(id)}`;
}

/** Ends early, without an error, when the signal aborts. */
function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
