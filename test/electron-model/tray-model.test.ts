import { describe, expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import type { MetaInstanceId, NodeId } from '../../main/core/id.ts';
import { emptyState } from '../../main/core/state.ts';
import type { Telemetry } from '../../main/core/telemetry.ts';
import { GiB, MiB, SECOND } from '../../main/core/unit.ts';
import type { TrayItem } from '../../main/electron/tray-item.ts';
import { trayModel, type TrayModel } from '../../main/electron/tray-model.ts';
import type { TrayNode } from '../../main/electron/tray-node.ts';
import {
  ada,
  bob,
  created,
  cyd,
  deleting,
  download,
  failure,
  gaveUp,
  given,
  joined,
  notPlaced,
  onOneNode,
  onThreeNodes,
  placed,
  retryScheduled,
  runner,
  runnerId,
  taskStarted,
  telemetry,
  updated,
} from '../support/core-builders.ts';
import { menubarOf as model, now, read, settings, trayNode as node } from '../support/tray.ts';

function actions(items: readonly TrayItem[]): readonly [string, unknown][] {
  return items.flatMap((item): readonly [string, unknown][] => {
    if (item.type === 'Submenu') return actions(item.items);
    return 'action' in item ? [[item.label, item.action]] : [];
  });
}

const rest = [
  'Open Skein',
  'Quick Chat',
  'Run a Model…',
  'Copy API Address',
  '[ ] Only in the Menubar',
  'Settings…',
  'Quit Skein',
];
const adaRow = 'ada, this computer, leads, 12 of 16 GiB free';

describe('the whole menu', () => {
  test('given no node yet, it says so and offers what needs none', () => {
    const shown = trayModel({ node: undefined, settings, update: undefined });
    expect({ ...shown, items: read(shown.items) }).toEqual({
      icon: 'working',
      tooltip: 'Skein is starting',
      items: ['(Skein is starting)', 'Open Skein', '[ ] Only in the Menubar', 'Settings…', 'Quit Skein'],
    });
  });

  test('given a cluster without a model, it says so', () => {
    const shown = model(given(joined(ada)));
    expect({ ...shown, items: read(shown.items) }).toEqual({
      icon: 'idle',
      tooltip: 'Skein: no models ready',
      items: ['(No models ready)', '(Nothing runs yet)', adaRow, ...rest],
    });
  });

  test('given a model that serves, it is named with what can be done', () => {
    const shown = model(given(...onOneNode, runner('Ready')));
    expect({ ...shown, items: read(shown.items) }).toEqual({
      icon: 'idle',
      tooltip: 'Skein: 1 model ready',
      items: [
        '(1 model ready)',
        'chat: ready',
        ...['  (Tiny)', '  Chat', '  Stop', '  Show in Skein'],
        adaRow,
        ...rest,
      ],
    });
  });

  test('each row asks for what it says', () => {
    const { items } = trayModel({
      node: node(given(...onOneNode, runner('Ready'))),
      settings: { menubarOnly: true },
      update: '1.2.0',
    });
    const cluster = { type: 'Open', opening: { type: 'View', view: 'cluster' } };
    expect(actions(items)).toEqual([
      ['Chat', { type: 'Open', opening: { type: 'Chat', target: 'chat' } }],
      ['Stop', { type: 'Ask', ask: 'Pause', metaInstanceId: 'chat' }],
      ['Show in Skein', { type: 'Open', opening: { type: 'MetaInstance', metaInstanceId: 'chat' } }],
      [adaRow, cluster],
      ['Open Skein', { type: 'Open', opening: null }],
      ['Quick Chat', { type: 'QuickChat' }],
      ['Run a Model…', { type: 'Open', opening: { type: 'Run' } }],
      ['Copy API Address', { type: 'Copy', text: 'http://127.0.0.1:52415/v1' }],
      ['Only in the Menubar', { type: 'MenubarOnly', isOn: false }],
      ['Settings…', { type: 'Open', opening: { type: 'View', view: 'settings' } }],
      ['Install Skein 1.2.0', { type: 'InstallUpdate' }],
      ['Quit Skein', { type: 'Quit' }],
    ]);
  });

  test('given a server that does not serve, it says so instead of an address', () => {
    const shown = read(model(given(joined(ada)), { address: null }).items);
    expect(shown).toContain('(The API has no address just now)');
    expect(shown).not.toContain('Copy API Address');
  });

  test('equal worlds give equal models, so that nothing is drawn anew', () => {
    const state = given(...onOneNode, runner('Ready'));
    const more = { ...telemetry({ [ada]: 12 }).nodes[ada]!, availableBytes: 12 * GiB + 20 * MiB };
    const later = { telemetry: { ...telemetry({}), nodes: { [ada]: more } }, now: now + SECOND };
    expect(model(state, later)).toEqual(model(state));
  });
});

const loading: Telemetry = {
  ...telemetry({ [ada]: 8 }),
  runners: {
    [runnerId()]: {
      runnerId: runnerId(),
      layersLoaded: 3,
      totalLayers: 4,
      activeTasks: 0,
      queuedTasks: 0,
      weightBytes: 0,
      kvBytes: 0,
      residentBytes: 0,
    },
  },
};
const fetching: Telemetry = {
  ...telemetry({ [ada]: 8 }),
  downloads: [{ nodeId: ada, modelId: created().card.modelId, doneBytes: 3 * MiB, totalBytes: 12 * MiB }],
};
const failedOnce = (message?: string): readonly Event[] => [
  ...onOneNode,
  runner(failure(message)),
  retryScheduled(now + 8 * SECOND, message),
];
const show = 'Show in Skein';

describe('a model', () => {
  const rows: readonly {
    name: string;
    given: readonly Event[];
    telemetry?: Telemetry;
    now?: number;
    then: readonly string[];
    icon: TrayModel['icon'];
  }[] = [
    { name: 'just created', given: [created()], then: ['chat: placing', 'Stop', show], icon: 'working' },
    {
      name: 'finds no place: the reason, another try, and more in the window',
      given: [created(), notPlaced('NotEnoughMemory', 'needs 20 GiB, ada has 12 GiB')],
      then: [
        'chat: placement failed',
        '(needs 20 GiB, ada has 12 GiB)',
        'Retry Now',
        'Stop',
        'Show Why in Skein',
      ],
      icon: 'problem',
    },
    {
      name: 'whose files nobody has told of',
      given: [joined(ada), created(), placed(), download('Ongoing')],
      then: ['chat: downloading', 'Stop', show],
      icon: 'working',
    },
    {
      name: 'whose files are verified',
      given: [joined(ada), created(), placed(), download('Ongoing')],
      telemetry: fetching,
      then: ['chat: downloading, verified 3.00 MiB of 12.0 MiB', 'Stop', show],
      icon: 'working',
    },
    {
      name: 'whose files could not be fetched: why',
      given: [joined(ada), created(), placed(), download('Failed')],
      then: ['chat: downloading', '(ada: connection reset)', 'Stop', show],
      icon: 'working',
    },
    {
      name: 'that loads: how far',
      given: [...onOneNode, runner('Loading')],
      telemetry: loading,
      then: ['chat: loading, 3 of 4 layers', 'Stop', show],
      icon: 'working',
    },
    {
      name: 'that warms up',
      given: [...onOneNode, runner('WarmingUp')],
      then: ['chat: warming up', 'Stop', show],
      icon: 'working',
    },
    {
      name: '[C3] that is tried again: which try, when, and what failed',
      given: failedOnce(),
      then: ['chat: retrying 1/3 in 8 s', '(ada: boom)', 'Retry Now', 'Stop', show],
      icon: 'working',
    },
    {
      name: '[C3] whose next try is due: no time that has passed',
      given: failedOnce(),
      now: now + 9 * SECOND,
      then: ['chat: retrying 1/3', '(ada: boom)', 'Retry Now', 'Stop', show],
      icon: 'working',
    },
    {
      name: 'that has failed for good',
      given: [...failedOnce(), gaveUp],
      then: ['chat: failed', '(ada: boom)', 'Retry Now', 'Stop', 'Show Why in Skein'],
      icon: 'problem',
    },
    {
      name: 'that answers: how many',
      given: [...onOneNode, runner('Ready'), taskStarted('task-1'), taskStarted('task-2')],
      then: ['chat: running, 2 chats', 'Chat', 'Stop', show],
      icon: 'working',
    },
    {
      name: 'that was stopped can be started',
      given: [...onOneNode, runner('Ready'), updated({ paused: true })],
      then: ['chat: paused', 'Start', show],
      icon: 'idle',
    },
    {
      name: '[L19] that was unloaded comes back at a chat, or at a click',
      given: [created(undefined, { idleUnloadSeconds: 60 }), notPlaced('IdleUnloaded', 'no task for 60 s')],
      then: ['chat: idle', '(no task for 60 s)', 'Chat', 'Load Now', 'Stop', show],
      icon: 'idle',
    },
    {
      name: 'that is deleted can not be stopped any more',
      given: [...onOneNode, runner('Ready'), deleting],
      then: ['chat: deleting', show],
      icon: 'working',
    },
  ];

  test.each(rows)('$name', ({ given: events, then, icon, ...world }) => {
    const shown = model(given(...events), {
      telemetry: world.telemetry ?? telemetry({ [ada]: 8 }),
      now: world.now ?? now,
    });
    const menu = read(shown.items);
    const from = menu.findIndex((line) => line.startsWith('chat: '));
    const to = menu.findIndex((line, at) => at > from && !line.startsWith('  '));
    const lines = menu.slice(from, to).map((line) => line.trim());
    expect({ lines: lines.filter((line) => line !== '(Tiny)'), icon: shown.icon }).toEqual({
      lines: then,
      icon,
    });
  });
});

describe('the computers', () => {
  const three = given(...onThreeNodes, ...[0, 1, 2].map((rank) => runner('Ready', { rank })));
  const named = (nodeId: string, name: string): Event => ({ ...joined(nodeId as NodeId), name });
  const rows: readonly {
    name: string;
    node: TrayNode;
    then: readonly string[];
    glance: string;
    icon: TrayModel['icon'];
  }[] = [
    {
      name: 'this one first, who leads, and what is free',
      node: node(three, {
        nodeId: bob,
        master: cyd,
        telemetry: telemetry({ [ada]: 8, [bob]: 4.4, [cyd]: 15.6 }),
      }),
      then: [
        'bob, this computer, 4 of 16 GiB free',
        'ada, 8 of 16 GiB free',
        'cyd, leads, 16 of 16 GiB free',
      ],
      glance: 'Skein: 1 model ready, 3 computers',
      icon: 'idle',
    },
    {
      name: 'one that is away, since when; one that has told nothing yet',
      node: node(three, { telemetry: telemetry({ [ada]: 8, [bob]: 4 }), away: [bob] }),
      then: ['ada, this computer, leads, 8 of 16 GiB free', 'bob, away, last heard of 1 min ago', 'cyd'],
      glance: 'Skein: 1 model ready, 3 computers, 1 away',
      icon: 'idle',
    },
    {
      name: 'one that was never heard of is only away',
      node: node(three, { telemetry: telemetry({ [ada]: 8, [cyd]: 8 }), away: [bob] }),
      then: ['ada, this computer, leads, 8 of 16 GiB free', 'bob, away', 'cyd, 8 of 16 GiB free'],
      glance: 'Skein: 1 model ready, 3 computers, 1 away',
      icon: 'idle',
    },
    {
      name: 'nobody leads',
      node: node(three, { master: null, telemetry: telemetry({}) }),
      then: ['ada, this computer', 'bob', 'cyd'],
      glance: 'Skein: no computer leads just now',
      icon: 'problem',
    },
    {
      name: 'two of one name are told apart',
      node: node(given(named('node-one-aaaaa', 'mac'), named('node-two-bbbbb', 'mac')), {
        telemetry: telemetry({}),
      }),
      then: ['mac (…aaaaa)', 'mac (…bbbbb)'],
      glance: 'Skein: no models ready, 2 computers',
      icon: 'idle',
    },
    {
      name: 'a long name gives way to what is said of it',
      node: node(given(named(ada, 'the old laptop that hums in the corner of the kitchen'))),
      then: ['the old laptop that hums in th…, this computer, leads, 12 of 16 GiB free'],
      glance: 'Skein: no models ready',
      icon: 'idle',
    },
  ];

  test.each(rows)('$name', ({ node: input, then, glance, icon }) => {
    const shown = trayModel({ node: input, settings, update: undefined });
    const menu = read(shown.items);
    const models = menu.findLastIndex((line) => line.startsWith('  ') || line === '(Nothing runs yet)');
    expect({
      computers: menu.slice(models + 1, menu.indexOf('Open Skein')),
      glance: shown.tooltip,
      icon: shown.icon,
    }).toEqual({ computers: then, glance, icon });
  });
});

describe('the picture and the line', () => {
  const second = 'code' as MetaInstanceId;
  test('what needs a person counts before all else', () => {
    const state = given(...onOneNode, ...failedOnce().slice(onOneNode.length), gaveUp, created(second));
    const { icon, tooltip } = model(state);
    expect([icon, tooltip]).toEqual(['problem', 'Skein: 1 model needs you, 1 model under way']);
  });

  test('an answer by an Instance without a MetaInstance is work, too', () => {
    const state = given(joined(ada));
    const lone = { ...taskStarted(), metaInstanceId: null };
    expect(model({ ...state, tasks: given(...onOneNode, lone).tasks }).icon).toBe('working');
  });
});

test('an empty state, as a node has it for its first moment, is no problem', () => {
  expect(model(emptyState).icon).toBe('idle');
});
