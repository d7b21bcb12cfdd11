import { afterEach, beforeEach, expect, test } from 'vitest';
import { StateAnswer } from '../../../main/core/contract/rest-state.ts';
import type { NodeId } from '../../../main/core/id.ts';
import { NoMasterError } from '../../../main/node/replica/commands.ts';
import { nodeId } from '../../support/fake-node.ts';
import { createTiny, serveFakeNode, type Bench } from '../../support/rest-client.ts';

let bench: Bench;
const other = 'fake-node-1' as NodeId;

beforeEach(async () => {
  bench = await serveFakeNode();
});

afterEach(() => bench.server.stop());

test('the state names who leads, in which term, and how far each node is', async () => {
  bench.node.led = { master: nodeId, term: 7, applied: { [nodeId]: 1, [other]: 0 } };
  expect(StateAnswer.parse((await bench.ask('/state')).json)).toMatchObject({
    lastEventAppliedIdx: 1,
    master: { nodeId, friendlyName: 'fake' },
    term: 7,
    appliedByNode: { [nodeId]: 1, [other]: 0 },
  });
  expect((await bench.ask('/state/master/nodeId')).json).toBe(nodeId);
});

test('a master that the state does not know yet is shown by its id, and none as none', async () => {
  bench.node.led = { master: other, term: 8, applied: {} };
  expect((await bench.ask('/state/master')).json).toEqual({ nodeId: other, friendlyName: other });
  bench.node.led = { master: null, term: 8, applied: {} };
  expect(StateAnswer.parse((await bench.ask('/state')).json).master).toBeNull();
});

test('a command that nobody could decide in time → 503 with the reason and when to ask again', async () => {
  bench.node.submit = () => Promise.reject(new NoMasterError('No node leads the cluster for 10 s.'));
  const answer = await bench.ask('/meta_instance', { body: createTiny });
  expect(answer.status).toBe(503);
  expect(answer.headers['retry-after']).toBe('1');
  expect(answer.json).toMatchObject({
    error: { code: 503, message: expect.stringContaining('No node leads') as unknown },
  });
  expect(bench.logged).toEqual([]);
});
