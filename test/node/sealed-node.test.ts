import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseConfig } from '../../main/node/config.ts';
import { loadIdentity } from '../../main/node/identity.ts';
import { ClusterFile } from '../../main/node/membership/cluster-file.ts';
import { fingerprintOf, newClusterKey } from '../../main/node/membership/cluster-key.ts';
import { createSkeinNode, type SkeinNode } from '../../main/node/skein-node.ts';
import type { Vault } from '../../main/node/vault.ts';
import { FakeRunnerHost } from '../support/fake-runner-host.ts';
import { fakeVault } from '../support/fake-vault.ts';
import { silentLog as log } from '../support/runner-builders.ts';

function nodeOf(folder: string, vault?: Vault): SkeinNode {
  const config = parseConfig({ args: [], env: {}, workingFolder: folder, defaultDataFolder: folder });
  if (!config.ok) throw new Error(config.error);
  const [cardFolder, scenarioFolder, dashboardFolder] = [folder, folder, folder];
  return createSkeinNode(
    { log },
    {
      config: config.value,
      version: '1.0.0',
      runnerHost: () => new FakeRunnerHost(),
      ...{ cardFolder, scenarioFolder, dashboardFolder },
      onBroken: () => undefined,
      onLeft: () => undefined,
      vault,
    },
  );
}

test('a power cut after the first secret was sealed → the next start seals the other, and only this vault opens the node', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-sealed-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [identity, cluster] = [join(folder, 'identity.pem'), join(folder, 'cluster.json')];
  const { nodeId } = loadIdentity({ log, vault: fakeVault() }, { path: identity });
  const key = newClusterKey();
  new ClusterFile({ log }, { path: cluster }).write({ key, generation: 1, joinedAt: 0 });

  const node = nodeOf(folder, fakeVault());
  const fingerprint = fingerprintOf(key);
  expect(node.api).toMatchObject({ nodeId });
  expect(node.api.membership.snapshot()).toMatchObject({ nodeId, fingerprint });
  await node.stop();
  const files = (): string[] => [identity, cluster].map((path) => readFileSync(path, 'utf8'));
  const sealed = files();
  expect(sealed).toEqual([expect.stringMatching(/SEALED KEY/), expect.stringMatching(/"sealedKey":/)]);

  for (const other of [undefined, fakeVault('other')]) {
    expect(() => nodeOf(folder, other)).toThrow(expect.objectContaining({ name: 'IdentityError' }));
  }
  expect(files()).toEqual(sealed);
});
