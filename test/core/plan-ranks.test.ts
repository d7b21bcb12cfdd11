import { expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import type { InstanceId, NodeId } from '../../main/core/id.ts';
import type { RunnerStatus } from '../../main/core/instance.ts';
import { plan, type LocalView } from '../../main/core/worker/plan.ts';
import {
  ada,
  bob,
  chatInstance,
  cyd,
  deleting,
  failure,
  gaveUp,
  given,
  onOneNode,
  onThreeNodes,
  retryScheduled,
  retrying,
  runner,
  runnerId,
} from '../support/core-builders.ts';
import { holding, type Step } from '../support/plan-builders.ts';

/** What a node holds between two attempts. */
const parked = (instanceId: InstanceId, ending = false): LocalView => ({
  ...holding(),
  parked: [{ runnerId: runnerId(0), instanceId, ending }],
});

const r0 = runnerId(0);
const r1 = runnerId(1);
const r2 = runnerId(2);
/** The three ranks as the log knows them. */
const ranks = (...steps: readonly (Step | undefined)[]): Event[] =>
  steps.flatMap((step, rank) => (step === undefined ? [] : [runner(step, { rank })]));

const start = (state: readonly Event[]): unknown => {
  const instance = given(...state).instances[chatInstance]!;
  const assignment = instance.assignments[0]!;
  return { type: 'StartRunner', runnerId: runnerId(0, instance.incarnation), instance, assignment };
};
const connect = (state: readonly Event[], ports: readonly (number | null)[]): unknown => {
  const instance = given(...state).instances[chatInstance]!;
  return { type: 'ConnectRunner', runnerId: r0, instance, rank: 0, ports };
};
const park = (reason: string): unknown => ({ type: 'ParkRunner', runnerId: r0, reason });
const lost: RunnerStatus = {
  type: 'Failed',
  failure: {
    reason: 'GroupLost',
    phase: 'Serving',
    message: 'While serving: rank 2 on cyd is gone\nIts last words',
  },
};
/** Where a rank listens. */
const idle = (port: number): RunnerStatus => ({ type: 'Idle', port });
const secondTry: readonly Event[] = [...onOneNode, runner(failure()), retryScheduled(0), retrying];

const rows: readonly {
  name: string;
  given: readonly Event[];
  node?: NodeId;
  local?: LocalView;
  then: unknown;
}[] = [
  {
    name: '[W7] a peer has no process yet → wait',
    given: [...onThreeNodes, ...ranks('Idle', 'Idle')],
    local: holding({ [r0]: 'Idle' }),
    then: undefined,
  },
  {
    name: '[W7] this shard is being spawned → wait',
    given: [...onThreeNodes, ...ranks(undefined, 'Idle', 'Idle')],
    local: holding({ [r0]: undefined }),
    then: undefined,
  },
  {
    name: '[W7] every rank listens → the group is formed, over the ports they told',
    given: [
      ...onThreeNodes,
      runner(idle(4001), { rank: 1 }),
      runner({ type: 'Connecting', port: 4002 }, { rank: 2 }),
    ],
    local: holding({ [r0]: idle(4000) }),
    then: connect(onThreeNodes, [4000, 4001, 4002]),
  },
  {
    name: '[W7] a rank told no port → the worker gets to say which',
    given: [...onThreeNodes, runner(idle(4001), { rank: 1 }), ...ranks(undefined, undefined, 'Idle')],
    local: holding({ [r0]: idle(4000) }),
    then: connect(onThreeNodes, [4000, 4001, null]),
  },
  {
    name: '[W7] its own status is not on the log yet → the local one counts',
    given: [...onThreeNodes, ...ranks(undefined, 'Idle', 'Connecting')],
    local: holding({ [r0]: 'Idle' }),
    then: connect(onThreeNodes, [null, null, null]),
  },
  {
    name: '[W7] peers are in the group already → this shard joins',
    given: [...onThreeNodes, ...ranks('Idle', 'Connected', 'Connecting')],
    local: holding({ [r0]: 'Idle' }),
    then: connect(onThreeNodes, [null, null, null]),
  },

  {
    name: '[W8] a peer is not in the group → wait',
    given: [...onThreeNodes, ...ranks('Connected', 'Connecting', 'Connected')],
    local: holding({ [r0]: 'Connected' }),
    then: undefined,
  },
  {
    name: '[W8] every rank is in the group → weights are read',
    given: [...onThreeNodes, ...ranks('Connected', 'Connected', 'Connected')],
    local: holding({ [r0]: 'Connected' }),
    then: { type: 'LoadRunner', runnerId: r0 },
  },
  {
    name: '[W8] peers are ahead → weights are read',
    given: [...onThreeNodes, ...ranks('Connected', 'Loading', 'Loaded')],
    local: holding({ [r0]: 'Connected' }),
    then: { type: 'LoadRunner', runnerId: r0 },
  },

  {
    name: '[W9] a peer still loads → wait',
    given: [...onThreeNodes, ...ranks('Loaded', 'Loaded', 'Loading')],
    node: bob,
    local: holding({ [r1]: 'Loaded' }),
    then: undefined,
  },
  {
    name: '[W9] every rank is loaded → rank 1 warms up',
    given: [...onThreeNodes, ...ranks('Loaded', 'Loaded', 'Loaded')],
    node: bob,
    local: holding({ [r1]: 'Loaded' }),
    then: { type: 'WarmUpRunner', runnerId: r1 },
  },
  {
    name: '[W9] every rank is loaded → rank 0 waits for the others to warm up',
    given: [...onThreeNodes, ...ranks('Loaded', 'Loaded', 'WarmingUp')],
    local: holding({ [r0]: 'Loaded' }),
    then: undefined,
  },
  {
    name: '[W9] the others warm up → rank 0 does, last',
    given: [...onThreeNodes, ...ranks('Loaded', 'WarmingUp', 'Ready')],
    local: holding({ [r0]: 'Loaded' }),
    then: { type: 'WarmUpRunner', runnerId: r0 },
  },
  {
    name: '[W9] the others are ready already → rank 2 still warms up',
    given: [...onThreeNodes, ...ranks('WarmingUp', 'Ready', 'Loaded')],
    node: cyd,
    local: holding({ [r2]: 'Loaded' }),
    then: { type: 'WarmUpRunner', runnerId: r2 },
  },
  {
    name: '[W9] alone → warms up at once',
    given: [...onOneNode, runner('Loaded')],
    local: holding({ [r0]: 'Loaded' }),
    then: { type: 'WarmUpRunner', runnerId: r0 },
  },
  {
    name: '[W3] a peer lost its group → this shard ends, and says whom that peer misses',
    given: [...onThreeNodes, ...ranks('Ready', undefined, 'Ready'), runner(lost, { rank: 1 })],
    local: holding({ [r0]: 'Ready' }),
    then: park('rank 1 on bob lost its group (While serving: rank 2 on cyd is gone)'),
  },
  {
    name: '[W3] one peer lost its group, another failed → the one that failed is to blame',
    given: [...onThreeNodes, ...ranks('Ready'), runner(lost, { rank: 1 }), runner(failure(), { rank: 2 })],
    local: holding({ [r0]: 'Ready' }),
    then: park('rank 2 on cyd failed'),
  },
  {
    name: '[W14] parked while a retry waits for its time → it stays',
    given: [...onOneNode, runner(failure()), retryScheduled(0)],
    local: parked(chatInstance),
    then: undefined,
  },
  {
    name: '[W14] its Instance is gone → what is parked ends',
    given: [...onOneNode, runner(failure()), gaveUp],
    local: parked(chatInstance),
    then: { type: 'EndParkedRunner', runnerId: r0, reason: 'the model failed too often' },
  },
  {
    name: '[W14] its MetaInstance is being deleted → what is parked ends',
    given: [...onOneNode, deleting],
    local: parked(chatInstance),
    then: { type: 'EndParkedRunner', runnerId: r0, reason: 'the model was deleted' },
  },
  {
    name: '[W14] it ends already → not again',
    given: [...onOneNode, runner(failure()), gaveUp],
    local: parked(chatInstance, true),
    then: undefined,
  },

  {
    name: '[W6] its process is parked with the weights → the next incarnation starts',
    given: secondTry,
    local: parked(chatInstance),
    then: start(secondTry),
  },
  {
    name: '[W6] what is parked for it is being ended → the next incarnation waits',
    given: secondTry,
    local: parked(chatInstance, true),
    then: undefined,
  },
];

for (const { name, given: events, node = ada, local = holding(), then } of rows) {
  test(name, () => {
    expect(plan(given(...events), node, local)).toEqual(then);
  });
}
