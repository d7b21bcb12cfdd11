import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { MetaInstanceId, NodeId } from '../../main/core/id.ts';
import { GiB, MINUTE, SECOND } from '../../main/core/unit.ts';
import { created, placed } from '../support/core-builders.ts';
import { expectTranscript, Transcript } from '../support/transcript.ts';
import { boom, lifecycle, onAda } from './lifecycle.ts';

/** `chat` over three nodes, placed by hand: placement takes one node. */
function onThree(): Transcript {
  const transcript = new Transcript();
  const names = ['ada', 'bob', 'cyd'];
  for (const name of names) transcript.join(name);
  const nodeIds = names.map((name) => `node-${name}` as NodeId);
  transcript.cluster.record([created(), placed(nodeIds)]);
  return transcript;
}

const scenarios: Readonly<Record<string, () => Transcript>> = {
  ...lifecycle,

  'create-to-ready': () => {
    const transcript = onAda();
    transcript.create('chat');
    transcript.run(2 * SECOND);
    transcript.cluster.startTask('ada', 'chat' as MetaInstanceId, SECOND);
    transcript.run(20 * SECOND);
    transcript.show('chat');
    return transcript;
  },

  'fail-thrice-give-up-retry': () => {
    const transcript = onAda();
    transcript.cluster
      .worker('ada')
      .runnerFaults.push(
        boom('Loading', 'first'),
        boom('Starting', 'second'),
        boom('WarmingUp', 'third'),
        boom('Connecting', 'fourth'),
      );
    transcript.create('chat');
    transcript.run(20 * SECOND);
    transcript.show('chat');
    transcript.note('it rests: nothing happens until a person asks');
    transcript.run(10 * MINUTE);
    transcript.retry('chat');
    transcript.run(20 * SECOND);
    transcript.show('chat');
    transcript.note('nothing to retry now');
    transcript.retry('chat');
    return transcript;
  },

  'retry-settles': () => {
    const transcript = onAda();
    transcript.cluster
      .worker('ada')
      .runnerFaults.push(boom('Loading', 'first'), boom('Serving', 'second, after a short Ready'));
    transcript.create('chat');
    transcript.run(30 * SECOND);
    transcript.note('it stayed Ready, so a later failure is a first one again');
    transcript.cluster.worker('ada').crash('killed by signal 9');
    transcript.run(SECOND / 2);
    transcript.show('chat');
    return transcript;
  },

  'node-restart-while-ready': () => {
    const transcript = onAda();
    transcript.create('chat');
    transcript.run(2 * SECOND);
    transcript.restart('ada', 3 * SECOND);
    transcript.run(2 * SECOND);
    transcript.show('chat');
    return transcript;
  },

  'node-restart-while-retry-is-scheduled': () => {
    const transcript = onAda();
    transcript.cluster.worker('ada').runnerFaults.push(boom());
    transcript.create('chat');
    transcript.run(900);
    transcript.restart('ada', 100);
    transcript.run(3 * SECOND);
    transcript.show('chat');
    return transcript;
  },

  'power-cut': () => {
    const transcript = onAda();
    transcript.create('chat');
    transcript.run(2 * SECOND);
    transcript.note('the whole machine loses power; the log is all that is left');
    transcript.cluster.kill('ada');
    transcript.cluster.restartMaster();
    transcript.cluster.start('ada');
    transcript.run(2 * SECOND);
    transcript.show('chat');
    return transcript;
  },

  'delete-in-each-phase': () => {
    const transcript = new Transcript();
    transcript.note('before a place is found');
    transcript.create('placing');
    transcript.run(5);
    transcript.remove('placing');
    transcript.run(SECOND);
    transcript.join('ada');
    for (const [phase, afterMs] of [
      ['downloading', 100],
      ['starting', 515],
      ['loading', 100],
      ['warming-up', 250],
      ['ready', 2_000],
    ] as const) {
      transcript.note(phase);
      transcript.create(phase);
      transcript.run(afterMs);
      transcript.remove(phase);
      transcript.remove(phase);
      transcript.run(SECOND);
    }
    transcript.note('while a retry is scheduled');
    transcript.cluster.worker('ada').runnerFaults.push(boom());
    transcript.create('retrying');
    transcript.run(500);
    transcript.remove('retrying');
    transcript.run(SECOND);
    transcript.note('after giving up');
    transcript.cluster.worker('ada').runnerFaults.push(boom(), boom(), boom(), boom());
    transcript.create('failed');
    transcript.run(20 * SECOND);
    transcript.remove('failed');
    transcript.run(20 * SECOND);
    transcript.showAll();
    return transcript;
  },

  'recreate-at-once': () => {
    const transcript = onAda();
    transcript.create('chat');
    transcript.run(2 * SECOND);
    transcript.remove('chat');
    transcript.note('the name is free only when its runners have stopped');
    transcript.create('chat', { modelId: 'Other' });
    transcript.run(200);
    transcript.create('chat', { modelId: 'Other' });
    transcript.run(2 * SECOND);
    transcript.show('chat');
    return transcript;
  },

  'download-fails-then-succeeds': () => {
    const transcript = onAda();
    transcript.cluster.worker('ada').downloadFaults.push('connection reset');
    transcript.create('chat');
    transcript.run(SECOND);
    transcript.show('chat');
    transcript.run(3 * SECOND);
    transcript.show('chat');
    return transcript;
  },

  'two-compete-for-memory': () => {
    const transcript = new Transcript();
    transcript.join('ada', 8 * GiB);
    transcript.create('first', { modelId: 'Big', bytes: 5 * GiB });
    transcript.create('second', { modelId: 'Big', bytes: 5 * GiB });
    transcript.run(15 * SECOND);
    transcript.show('second');
    transcript.note('the first goes, the second takes its place without being asked');
    transcript.remove('first');
    transcript.run(15 * SECOND);
    transcript.show('second');
    return transcript;
  },

  'three-nodes-to-ready': () => {
    const transcript = onThree();
    transcript.run(2 * SECOND);
    transcript.show('chat');
    return transcript;
  },

  'three-nodes-one-fails-loading': () => {
    const transcript = onThree();
    transcript.cluster.worker('bob').runnerFaults.push(boom('Loading', 'tensor blk.2 is damaged'));
    transcript.run(10 * SECOND);
    transcript.show('chat');
    return transcript;
  },

  'three-nodes-one-restarts': () => {
    const transcript = onThree();
    transcript.run(2 * SECOND);
    transcript.restart('bob', SECOND);
    transcript.run(2 * SECOND);
    transcript.show('chat');
    return transcript;
  },
};

for (const [name, play] of Object.entries(scenarios)) {
  test(`transcript ${name}`, () => {
    expectTranscript(join(import.meta.dirname, `${name}.txt`), play().text);
  });
}

test('every transcript has its scenario', () => {
  const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.txt'));
  expect(files.sort()).toEqual(
    Object.keys(scenarios)
      .map((name) => `${name}.txt`)
      .sort(),
  );
});
