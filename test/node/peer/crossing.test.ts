import { createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { PeerRecord } from '../../support/peer-record.ts';
import { realNetwork } from '../../support/real-peers.ts';

const records: PeerRecord[] = [];
afterEach(async () => {
  await Promise.all(records.splice(0).map(({ network }) => network.stop()));
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('nodes that dial each other at the same time', () => {
  it.each([2, 2, 3, 6])(
    '%i of them: each is told of each other once, and nobody is lost again',
    async (count) => {
      const ports = await Promise.all(Array.from({ length: count }, freePort));
      const peers = ports.map((port) => `/ip4/127.0.0.1/tcp/${port}`);
      for (const [index, port] of ports.entries()) {
        const others = peers.filter((_, other) => other !== index);
        records.push(new PeerRecord(realNetwork(`n${index}`, { port, peers: others })));
      }
      await Promise.all(records.map(({ network }) => network.start()));
      await Promise.all(records.map((record) => record.untilPeers(count - 1)));
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      for (const record of records) {
        expect(record.log.filter((line) => line.startsWith('+'))).toHaveLength(count - 1);
        expect(record.reasons).toEqual([]);
        expect(record.network.status.refused).toEqual([]);
      }
    },
  );
});
