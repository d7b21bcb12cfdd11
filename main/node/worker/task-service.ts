import { TaskWord } from '../../core/contract/peer-task.ts';
import type { InstanceId } from '../../core/id.ts';
import { unreachable } from '../../core/result.ts';
import type { TaskEvent } from '../api.ts';
import type { Log } from '../log.ts';
import type { PeerNetwork, PeerStream } from '../peer/network.ts';
import type { Startable } from '../lifecycle.ts';
import { TaskChannel } from './task-channel.ts';
import type { TaskLeader } from './task-leader.ts';

export interface TaskServiceComponents {
  readonly network: Pick<PeerNetwork, 'handle'>;
  /** Rank 0 of an Instance, when it is on this node. */
  readonly leaderOf: (instanceId: InstanceId) => TaskLeader | undefined;
  readonly log: Log;
}

type Generate = Extract<TaskWord, { type: 'Generate' }>;

/** Runs tasks of other nodes' clients on the ranks 0 of this node. A stream that breaks cancels its task. */
export class TaskService implements Startable {
  readonly #components: TaskServiceComponents;
  readonly #streams = new Set<PeerStream>();

  constructor(components: TaskServiceComponents) {
    this.#components = components;
  }

  async start(): Promise<void> {
    this.#components.network.handle('task', (stream) => {
      this.#streams.add(stream);
      void this.#serve(stream).finally(() => this.#streams.delete(stream));
    });
  }

  /** May be called twice. */
  async stop(): Promise<void> {
    for (const stream of this.#streams) stream.abort('the node is shutting down');
  }

  async #serve(stream: PeerStream): Promise<void> {
    let channel: TaskChannel | undefined;
    try {
      for await (const message of stream.messages) {
        const word = 'json' in message ? TaskWord.safeParse(message.json) : undefined;
        if (word?.success !== true) throw new Error('It asked what no Skein of this version asks');
        switch (word.data.type) {
          case 'Generate':
            if (channel !== undefined) throw new Error('It asked for a second task on one stream');
            channel = this.#generate(word.data);
            void this.#tell(stream, channel);
            break;
          case 'Cancel':
            channel?.cancel();
            break;
          default:
            unreachable(word.data);
        }
      }
    } catch (problem) {
      this.#components.log.debug('A task stream of another node broke', { peer: stream.peer, problem });
      stream.abort(problem instanceof Error ? problem.message : 'it broke');
    }
    // Its client is gone, or has heard the end: then this has no effect.
    channel?.cancel();
  }

  #generate({ taskId, instanceId, generation }: Generate): TaskChannel {
    const leader = this.#components.leaderOf(instanceId);
    const channel = new TaskChannel({ taskId, cancel: () => leader?.cancel(taskId) });
    if (leader === undefined) {
      const message = `The Instance ${instanceId} has no rank 0 on the node that was asked; it was moved or stopped.`;
      channel.push({ type: 'TaskRefused', taskId, code: 'NotReady', message });
    } else {
      leader.generate(taskId, generation, (event: TaskEvent) => channel.push(event));
    }
    return channel;
  }

  /** No faster than the other side reads; what it leaves unread is bounded by the channel. */
  async #tell(stream: PeerStream, channel: TaskChannel): Promise<void> {
    try {
      for await (const event of channel) await stream.send(event);
      await stream.close();
    } catch (problem) {
      channel.cancel();
      stream.abort(problem instanceof Error ? problem.message : 'it broke');
    }
  }
}
