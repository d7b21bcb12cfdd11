import type { RunnerStatus } from '../../main/core/instance.ts';
import type { Event } from '../../main/core/event.ts';

/** What the views of what happens, of simulated lives and of settings say. */
export const activity = {
  title: 'Activity',
  now: 'Running now',
  nothingNow: 'No chat is being answered.',
  task: (what: string, node: string): string => `${what}, asked at ${node}`,
  cancel: 'Stop',
  cancelling: 'stopping…',
  history: 'What happened',
  search: 'Search',
  kinds: {
    all: 'Everything',
    models: 'Models',
    nodes: 'Computers',
    runners: 'Runners',
    tasks: 'Chats',
  },
  story: (name: string): string => `Only about ${name}`,
  everything: 'Show everything',
  none: 'Nothing of this kind happened.',
  older: 'Show older',
  oldest: 'Older events are folded into the cluster’s state and no longer kept one by one.',
  loading: 'Loading what happened…',
  count: (shown: number, all: number): string =>
    shown === all
      ? `${all.toLocaleString('en')} events`
      : `${shown.toLocaleString('en')} of ${all.toLocaleString('en')} events`,
} as const;

/** How names of ids are told. */
export interface Names {
  readonly node: (nodeId: string) => string;
}

const runnerWords: Readonly<Record<Exclude<RunnerStatus['type'], 'Failed'>, string>> = {
  Idle: 'has a process',
  Connecting: 'joins the others',
  Connected: 'has joined the others',
  Loading: 'loads its layers',
  Loaded: 'has loaded its layers',
  WarmingUp: 'warms up',
  Ready: 'is ready',
  ShuttingDown: 'is stopping',
  Shutdown: 'has stopped',
};

/** An event as a sentence for people. */
export function eventSentence(event: Event, { node }: Names): string {
  switch (event.type) {
    case 'NodeStarted':
      return `${event.name} started, with Skein ${event.version}.`;
    case 'NodeLost':
      return `${node(event.nodeId)} is lost: ${event.message}`;
    case 'NodeReturned':
      return `${node(event.nodeId)} is back.`;
    case 'NodeRemoved':
      return `${node(event.nodeId)} was taken out of the cluster.`;
    case 'NodeReadmitted':
      return `${node(event.nodeId)} was let in again.`;
    case 'MetaInstanceCreated':
      return `Someone asked for ${event.metaInstanceId} (${event.card.title}).`;
    case 'MetaInstanceUpdated':
      return `Someone changed ${event.metaInstanceId}.`;
    case 'MetaInstanceRetried':
      return `Someone asked to try ${event.metaInstanceId} again.`;
    case 'MetaInstanceRequested':
      return `${event.metaInstanceId} is wanted again after it was idle.`;
    case 'MetaInstanceDeleting':
      return `Someone deleted ${event.metaInstanceId}; it winds down.`;
    case 'MetaInstanceDeleted':
      return `${event.metaInstanceId} is gone.`;
    case 'PlacementFailed':
      return `There is no place for ${event.metaInstanceId}: ${event.message}`;
    case 'InstanceCreated':
    case 'InstanceAdopted': {
      const { instance } = event;
      const where = instance.assignments.map(({ nodeId }) => node(nodeId)).join(', ');
      const what = instance.metaInstanceId ?? instance.instanceId;
      return event.type === 'InstanceCreated'
        ? `${what} has a place on ${where}.`
        : `${what} goes on where it ran, on ${where}.`;
    }
    case 'InstanceRetryScheduled':
      return `${event.instanceId} failed and is tried again soon: ${event.failure}`;
    case 'InstanceRetrying':
      return `${event.instanceId} is tried again.`;
    case 'InstanceRestarted':
      return `${event.instanceId} starts over: ${event.message}`;
    case 'InstanceSettled':
      return `${event.instanceId} has been running well for a while.`;
    case 'InstanceDeleted':
      return `${event.instanceId} gives up its place: ${event.message}`;
    case 'RunnerStatusChanged': {
      const { status } = event;
      const what = `Rank ${event.rank} of ${event.instanceId} on ${node(event.nodeId)}`;
      return status.type === 'Failed'
        ? `${what} failed: ${status.failure.message}`
        : `${what} ${runnerWords[status.type]}.`;
    }
    case 'DownloadChanged': {
      const { download } = event;
      const what = `${event.modelId} on ${node(event.nodeId)}`;
      if (download.type === 'Ongoing') return `The file of ${what} is being fetched or checked.`;
      if (download.type === 'Completed') return `The file of ${what} is there.`;
      return `The file of ${what} can't be used: ${download.message}`;
    }
    case 'TaskStarted':
      return `A chat with ${event.metaInstanceId ?? event.instanceId} began at ${node(event.nodeId)}.`;
    case 'TaskCancelling':
      return `Someone stops the chat ${event.taskId}.`;
    case 'TaskEnded':
      return event.end.type === 'Failed'
        ? `The chat ${event.taskId} failed: ${event.end.message}`
        : `The chat ${event.taskId} ended (${event.usage.completionTokens} tokens).`;
    default:
      return event.type;
  }
}
