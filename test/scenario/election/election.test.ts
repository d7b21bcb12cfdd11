import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ElectionCluster, type ElectionClusterInit } from '../../support/election-cluster.ts';
import { expectTranscript } from '../../support/transcript.ts';

interface Scenario {
  readonly init: ElectionClusterInit;
  readonly play: (cluster: ElectionCluster) => void;
}

const two = ['ada', 'bob'];
const three = [...two, 'cyd'];
const five = [...three, 'dan', 'eve'];

/** What is done to the cluster is a line of its transcript too. */
function note(cluster: ElectionCluster, text: string): void {
  cluster.say('', `# ${text}`);
}

function formed(cluster: ElectionCluster): void {
  cluster.startAll();
  cluster.run(1_000);
}

/** Each test is a rule or more; its transcript is named after the scenario. */
const scenarios: Readonly<Record<string, readonly [rules: string, Scenario]>> = {
  alone: [
    '[E4, E15] one node waits for the peer it remembers, then leads without raising its term again',
    {
      init: { names: two },
      play: (cluster) => {
        cluster.node('ada').start();
        cluster.run(10_000);
        cluster.ask('ada');
        cluster.run(1_000);
      },
    },
  ],
  'master-killed': [
    '[E1, E4, E14] a killed master is followed by another within a second, and nothing answered is lost',
    {
      init: { names: three },
      play: (cluster) => {
        formed(cluster);
        cluster.ask('bob');
        cluster.run(100);
        note(cluster, 'ada is killed');
        cluster.node('ada').crash();
        cluster.run(1_000);
        cluster.ask('cyd');
        cluster.run(100);
        note(cluster, 'ada starts again');
        cluster.node('ada').start();
        cluster.run(2_000);
      },
    },
  ],
  'master-silent': [
    '[E1] a frozen master is given up after 3 s, and follows when it thaws',
    {
      init: { names: three },
      play: (cluster) => {
        formed(cluster);
        note(cluster, 'ada freezes');
        cluster.node('ada').freeze();
        cluster.run(5_000);
        note(cluster, 'ada thaws');
        cluster.node('ada').thaw();
        cluster.run(2_000);
      },
    },
  ],
  'quit-hands-over': [
    '[E11] a master that quits names the follower that has everything: no wait, no vote',
    {
      init: { names: three },
      play: (cluster) => {
        formed(cluster);
        cluster.ask('ada');
        note(cluster, 'ada quits');
        cluster.node('ada').quit();
        cluster.run(1_000);
      },
    },
  ],
  'partition-heals': [
    '[E8, E9, E10] two sides go on; the larger one wins, the other side cuts back and submits its commands again',
    {
      init: { names: five },
      play: (cluster) => {
        formed(cluster);
        note(cluster, 'ada and bob are cut off, in silence');
        cluster.part(two, ['cyd', 'dan', 'eve'], 'Silent');
        cluster.run(5_000);
        cluster.ask('ada');
        cluster.ask('bob');
        cluster.ask('cyd', 'code');
        cluster.run(1_000);
        note(cluster, 'the cable is back');
        cluster.part(two, ['cyd', 'dan', 'eve'], 'Open');
        cluster.run(3_000);
      },
    },
  ],
  'edit-conflict': [
    '[E8] an edit of the losing side whose base was edited on the winning side is refused and shown',
    {
      init: { names: three },
      play: (cluster) => {
        formed(cluster);
        cluster.ask('ada', 'chat');
        cluster.run(100);
        note(cluster, 'ada is cut off; both sides edit generation 1 of chat');
        cluster.part(['ada'], ['bob', 'cyd'], 'Closed');
        cluster.run(2_000);
        cluster.ask('ada', 'chat', 1);
        cluster.ask('bob', 'chat', 1);
        cluster.run(1_000);
        note(cluster, 'together again');
        cluster.part(['ada'], ['bob', 'cyd'], 'Open');
        cluster.run(3_000);
      },
    },
  ],
  chain: [
    '[E3, E13] ada and cyd do not see each other: the one between leads; in a chain of four entries are passed on',
    {
      init: { names: ['ada', 'bob', 'cyd', 'dan'] },
      play: (cluster) => {
        cluster.part(['ada'], ['cyd', 'dan'], 'Closed');
        cluster.link('bob', 'dan', 'Closed');
        cluster.startAll();
        cluster.run(1_000);
        cluster.ask('dan');
        cluster.ask('ada');
        cluster.run(500);
        note(cluster, 'dan quits');
        cluster.node('dan').quit();
        cluster.run(500);
        note(cluster, 'bob is killed: ada is alone, cyd too');
        cluster.node('bob').crash();
        cluster.run(2_000);
      },
    },
  ],
  'far-behind': [
    '[E5] who missed what is compacted away gets the snapshot, then the rest',
    {
      init: { names: three },
      play: (cluster) => {
        formed(cluster);
        cluster.node('cyd').crash();
        cluster.run(500);
        for (let n = 0; n < 6; n += 1) {
          cluster.ask('bob');
          cluster.run(100);
          cluster.node('ada').compact(1);
        }
        note(cluster, 'cyd starts again');
        cluster.node('cyd').start();
        cluster.run(2_000);
        cluster.say('cyd', `is at ${cluster.node('cyd').disk.last}`);
      },
    },
  ],
  'power-cut': [
    '[E2, E15] after a power cut the nodes come back one by one, the one with the longest log last',
    {
      init: { names: three },
      play: (cluster) => {
        formed(cluster);
        cluster.ask('ada');
        cluster.run(100);
        cluster.node('cyd').crash();
        cluster.ask('ada');
        cluster.run(1_500);
        cluster.node('bob').crash();
        cluster.run(100);
        cluster.ask('ada');
        cluster.run(100);
        note(cluster, 'the power is cut, and comes back');
        cluster.node('ada').crash();
        for (const name of ['cyd', 'bob', 'ada']) {
          cluster.run(300);
          cluster.node(name).start();
        }
        cluster.run(3_000);
      },
    },
  ],
  'one-way': [
    '[E1, E13] a link that carries one way does not count; its ends talk over the third',
    {
      init: { names: three },
      play: (cluster) => {
        formed(cluster);
        note(cluster, 'ada does not hear bob any more');
        cluster.link('ada', 'bob', 'OneWay');
        cluster.run(5_000);
        cluster.ask('bob');
        cluster.run(500);
      },
    },
  ],
};

describe('elections told as transcripts', () => {
  for (const [name, [rules, { init, play }]] of Object.entries(scenarios)) {
    test(`${rules} (${name}.txt)`, () => {
      const cluster = new ElectionCluster(init);
      play(cluster);
      for (const set of cluster.connectedSets()) expect(cluster.unrest(set)).toBeNull();
      expectTranscript(join(import.meta.dirname, `${name}.txt`), [...cluster.lines, ''].join('\n'));
    });
  }

  test('every transcript has its scenario', () => {
    const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.txt'));
    const names = Object.keys(scenarios).map((name) => `${name}.txt`);
    expect(files.sort()).toEqual(names.sort());
  });
});
