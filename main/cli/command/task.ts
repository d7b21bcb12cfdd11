import { CancelAnswer } from '../../core/contract/rest.ts';
import { TasksAnswer } from '../../core/contract/rest-state.ts';
import { exitCodes, type ExitCode } from '../exit.ts';
import { agoText } from '../format.ts';
import type { Invocation } from '../invocation.ts';
import type { Session } from '../session.ts';
import { formatTable } from '../table.ts';
import { printableJson, styleFor, widthOf } from '../terminal.ts';

type Of<Type extends Invocation['type']> = Extract<Invocation, { type: Type }>;

export async function tasks({ client, io, signal }: Session, { json }: Of<'tasks'>): Promise<ExitCode> {
  const answer = await client.call('/tasks', TasksAnswer, { signal });
  if (json) {
    io.stdout.write(`${printableJson(answer)}\n`);
    return exitCodes.ok;
  }
  const now = io.now();
  const rows = Object.values(answer)
    .map(({ TextGeneration: task }) => task)
    .sort((one, other) => one.startedAt - other.startedAt)
    .map(({ taskId, metaInstanceId, instanceId, taskStatus, startedAt }) => {
      return [taskId, metaInstanceId ?? instanceId, taskStatus, agoText(now - startedAt)];
    });
  const look = { width: widthOf(io.stdout), style: styleFor(io.stdout, io.env) };
  io.stdout.write(
    formatTable(['TASK', 'MODEL', 'STATUS', 'BEGAN'], rows, { ...look, empty: 'No task runs.' }),
  );
  return exitCodes.ok;
}

export async function cancel({ client, io, signal }: Session, { id, json }: Of<'cancel'>): Promise<ExitCode> {
  const path = `/tasks/${encodeURIComponent(id)}/cancel`;
  const answer = await client.call(path, CancelAnswer, { method: 'POST', signal });
  if (json) io.stdout.write(`${printableJson(answer)}\n`);
  return exitCodes.ok;
}
