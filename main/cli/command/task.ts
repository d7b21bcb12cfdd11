import { CancelAnswer } from '../../core/contract/rest.ts';
import { TasksAnswer, type TaskView } from '../../core/contract/rest-state.ts';
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
    .map((task) => [
      task.taskId,
      task.metaInstanceId ?? task.instanceId ?? '',
      task.taskStatus,
      task.ranks.map(({ friendlyName }) => friendlyName).join(', '),
      progressText(task.progress),
      agoText(now - task.startedAt),
    ]);
  const look = { width: widthOf(io.stdout), style: styleFor(io.stdout, io.env) };
  io.stdout.write(
    formatTable(['TASK', 'MODEL', 'STATUS', 'NODES', 'PROGRESS', 'BEGAN'], rows, {
      ...look,
      empty: 'No task runs.',
    }),
  );
  return exitCodes.ok;
}

/** `prompt 512 of 2048`, later `37 tokens, 41.2 tok/s`. */
function progressText(progress: TaskView['TextGeneration']['progress']): string {
  if (progress === null) return '';
  const { promptTokens, processedTokens, tokens, tokensPerSecond } = progress;
  if (tokens === 0) return `prompt ${processedTokens} of ${promptTokens}`;
  const speed = tokensPerSecond === null ? '' : `, ${tokensPerSecond} tok/s`;
  return `${tokens} ${tokens === 1 ? 'token' : 'tokens'}${speed}`;
}

export async function cancel({ client, io, signal }: Session, { id, json }: Of<'cancel'>): Promise<ExitCode> {
  const path = `/tasks/${encodeURIComponent(id)}/cancel`;
  const answer = await client.call(path, CancelAnswer, { method: 'POST', signal });
  if (json) io.stdout.write(`${printableJson(answer)}\n`);
  return exitCodes.ok;
}
