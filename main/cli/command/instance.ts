import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { InstanceCommandAnswer, PlaceInstanceAnswer } from '../../core/contract/rest.ts';
import { InstanceView, RunnerView } from '../../core/contract/rest-state.ts';
import { CliError, exitCodes, type ExitCode } from '../exit.ts';
import type { Invocation } from '../invocation.ts';
import type { Session } from '../session.ts';
import { formatTable } from '../table.ts';
import { printable, printableJson, styleFor, widthOf } from '../terminal.ts';

type Of<Type extends Invocation['type']> = Extract<Invocation, { type: Type }>;

/** An Instance without a MetaInstance: placed now or refused with the reason, and never again. */
export async function place({ client, io, signal }: Session, asked: Of<'place'>): Promise<ExitCode> {
  const answer =
    asked.file === undefined
      ? await client.call('/place_instance', PlaceInstanceAnswer, {
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
          },
        })
      : await client.call('/instance', PlaceInstanceAnswer, { signal, body: read(asked.file) });
  io.stdout.write(asked.json ? `${printableJson(answer)}\n` : `${printable(answer.instance_id)}\n`);
  return exitCodes.ok;
}

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(exitCodes.usage, `The placement ${file} can't be read: ${reason}`);
  }
}

/** What of `/state` is shown. */
const Shown = z.object({
  instances: z.record(z.string(), InstanceView),
  runners: z.record(z.string(), RunnerView),
  nodeIdentities: z.record(z.string(), z.object({ friendlyName: z.string() })),
});

export async function instances(
  { client, io, signal }: Session,
  { json }: Of<'instances'>,
): Promise<ExitCode> {
  const state = await client.call('/state', Shown, { signal });
  if (json) {
    io.stdout.write(`${printableJson(state.instances)}\n`);
    return exitCodes.ok;
  }
  const rows = Object.values(state.instances).map((view) => {
    const fields = 'MlxRingInstance' in view ? view.MlxRingInstance : view.MlxJacclInstance;
    const { modelId, nodeToRunner } = fields.shardAssignments;
    const names = Object.keys(nodeToRunner).map((id) => state.nodeIdentities[id]?.friendlyName ?? id);
    const steps = Object.values(nodeToRunner).map((id) => stepOf(state.runners[id]));
    return [fields.instanceId, modelId, [...new Set(steps)].join(', '), names.join(', ')];
  });
  const look = { width: widthOf(io.stdout), style: styleFor(io.stdout, io.env) };
  const empty = 'No Instance; `skein create MODEL` makes one and keeps it.';
  io.stdout.write(formatTable(['INSTANCE', 'MODEL', 'RUNNERS', 'NODES'], rows, { ...look, empty }));
  return exitCodes.ok;
}

/** `RunnerReady` → `Ready`. */
function stepOf(runner: z.infer<typeof RunnerView> | undefined): string {
  const [tag = 'RunnerStarting'] = Object.keys(runner ?? {});
  return tag.replace(/^Runner/, '');
}

export async function stop({ client, io, signal }: Session, { id, json }: Of<'stop'>): Promise<ExitCode> {
  const path = `/instance/${encodeURIComponent(id)}`;
  const answer = await client.call(path, InstanceCommandAnswer, { method: 'DELETE', signal });
  if (json) io.stdout.write(`${printableJson(answer)}\n`);
  return exitCodes.ok;
}
