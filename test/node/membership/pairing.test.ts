import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Result } from '../../../main/core/result.ts';
import { systemClock } from '../../../main/node/clock.ts';
import { createLog } from '../../../main/node/log.ts';
import { peerMultiaddr } from '../../../main/node/membership/address.ts';
import { fingerprintOf } from '../../../main/node/membership/cluster-key.ts';
import { fetchKey, type Fetched, type JoinRefusal } from '../../../main/node/membership/joining.ts';
import { openPairingHost } from '../../../main/node/membership/pairing-host.ts';
import {
  newPairingCode,
  pairingCodeOf,
  pairingSecret,
  type PairingCode,
} from '../../../main/node/membership/pairing-code.ts';
import type { PairedNode, Welcome } from '../../../main/node/membership/pairing-message.ts';
import { MOST_GUESSES, PairingDesk, type Pairing } from '../../../main/node/membership/pairing.ts';
import { identityOf, idOf, keyOf } from '../../support/real-peers.ts';

const log = createLog({ level: 'silent', now: () => 0, write: () => undefined });
const clusterKey = keyOf(7);
const welcome = { key: clusterKey, generation: 3, addresses: ['/ip4/127.0.0.1/tcp/52416'] };
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

interface DeskOptions {
  readonly lifeMs?: number;
  readonly admit?: (joining: PairedNode) => Promise<void>;
}

function desk({ lifeMs, admit = async () => undefined }: DeskOptions = {}): PairingDesk {
  const made = new PairingDesk(
    { clock: systemClock, log, identity: identityOf('desk'), randomBytes },
    {
      host: '127.0.0.1',
      discovery: false,
      self: () => ({ nodeId: idOf('desk'), name: 'desk', version: '1.2.3' }),
      fingerprint: () => fingerprintOf(clusterKey),
      admit,
      welcome: () => welcome,
      ...(lifeMs !== undefined && { lifeMs }),
    },
  );
  closers.push(async () => made.cancel());
  return made;
}

interface JoinOptions {
  readonly who?: string;
  readonly code?: PairingCode;
  readonly fingerprint?: string;
  readonly store?: (welcome: Welcome) => void;
}

async function join(
  shown: Pairing,
  { who = 'laptop', code, fingerprint = 'its own', store = () => undefined }: JoinOptions = {},
): Promise<Result<Fetched, JoinRefusal>> {
  const at = peerMultiaddr(shown.addresses[0] ?? '');
  return fetchKey(
    { clock: systemClock, identity: identityOf(who) },
    {
      host: '127.0.0.1',
      discovery: false,
      code: code ?? pairingCodeOf(shown.code ?? '')!,
      at: at.ok ? at.value : '',
      self: { nodeId: idOf(who), name: who, version: '1.2.3' },
      fingerprint,
      store,
    },
  );
}

const wrongCode = (): PairingCode => newPairingCode(randomBytes);

describe('pairing over loopback', () => {
  test('the node that knows the code gets the key and where members are; then the code is of no use', async () => {
    const admitted: PairedNode[] = [];
    const stored: Welcome[] = [];
    const host = desk({ admit: async (joining) => void admitted.push(joining) });
    const shown = await host.show();
    expect(shown).toMatchObject({ state: 'Waiting', guessesLeft: MOST_GUESSES, joined: null });
    expect(shown.code).toMatch(/^[0-9A-Z]{5}-[0-9A-Z]{5}$/);
    const joined = await join(shown, { store: (given) => stored.push(given) });
    expect(joined).toMatchObject({ ok: true, value: { from: { nodeId: idOf('desk'), name: 'desk' } } });
    expect(stored).toEqual([{ type: 'Welcome', ...welcome }]);
    const laptop = { nodeId: idOf('laptop'), name: 'laptop', version: '1.2.3' };
    expect(admitted).toEqual([laptop]);
    await expect
      .poll(() => host.current, { timeout: 5_000 })
      .toMatchObject({ state: 'Joined', code: null, joined: laptop });
    const again = await join(shown, { who: 'thief' });
    expect(again).toMatchObject({ ok: false, error: { code: 'Unreachable' } });
  });

  test('a wrong code → refused in words, counted, nothing stored; the right one still works', async () => {
    const host = desk();
    const shown = await host.show();
    let stored = 0;
    const store = (): void => void (stored += 1);
    expect(await join(shown, { code: wrongCode(), store })).toMatchObject({
      ok: false,
      error: { code: 'WrongCode', message: expect.stringContaining('Another code') },
    });
    expect(stored).toBe(0);
    await expect
      .poll(() => host.current, { timeout: 5_000 })
      .toMatchObject({ guessesLeft: MOST_GUESSES - 1 });
    expect(await join(shown, { store })).toMatchObject({ ok: true });
    expect(stored).toBe(1);
  });

  test('five wrong codes → the code is gone, also for who knows it', async () => {
    const host = desk();
    const shown = await host.show();
    for (let guess = 1; guess <= MOST_GUESSES; guess += 1) {
      await join(shown, { code: wrongCode(), who: `guesser-${guess}` });
    }
    await expect
      .poll(() => host.current, { timeout: 5_000 })
      .toMatchObject({ state: 'TooManyGuesses', code: null, guessesLeft: 0 });
    expect(await join(shown)).toMatchObject({ ok: false, error: { code: 'Unreachable' } });
    // A new one works.
    expect(await join(await host.show())).toMatchObject({ ok: true });
  });

  test('who only looks at the port, or sends no word of a handshake, makes no guess', async () => {
    const host = desk();
    const shown = await host.show();
    const port = Number(shown.addresses[0]?.split(':').at(-1));
    for (const bytes of [0, 10]) {
      await new Promise<void>((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port }, () => socket.end(Buffer.alloc(bytes)));
        socket
          .on('close', () => resolve())
          .on('error', reject)
          .resume();
      });
    }
    expect(await join(shown)).toMatchObject({ ok: true });
    expect(host.current).toMatchObject({ guessesLeft: MOST_GUESSES });
  });

  test('a code that nobody used in time → gone', async () => {
    const host = desk({ lifeMs: 300 });
    const shown = await host.show();
    await expect.poll(() => host.current, { timeout: 5_000 }).toMatchObject({ state: 'Expired', code: null });
    expect(await join(shown)).toMatchObject({ ok: false, error: { code: 'Unreachable' } });
  });

  test('taken back → gone, and twice is fine', async () => {
    const host = desk();
    const shown = await host.show();
    await host.cancel();
    await host.cancel();
    expect(host.current).toMatchObject({ state: 'Cancelled', code: null });
    expect(await join(shown)).toMatchObject({ ok: false, error: { code: 'Unreachable' } });
  });

  test('shown twice → one code', async () => {
    const host = desk();
    const [one, other] = await Promise.all([host.show(), host.show()]);
    expect(other.code).toBe(one.code);
    expect((await host.show()).code).toBe(one.code);
  });

  test('a member already → told so, and the code stays for another', async () => {
    const host = desk();
    const shown = await host.show();
    expect(await join(shown, { fingerprint: fingerprintOf(clusterKey) })).toMatchObject({
      ok: false,
      error: { code: 'AlreadyMember' },
    });
    expect(await join(shown, { who: 'tower' })).toMatchObject({ ok: true });
  });

  test('a copy of the data folder that shows the code → told what to do', async () => {
    const shown = await desk().show();
    expect(await join(shown, { who: 'desk' })).toMatchObject({ ok: false, error: { code: 'Itself' } });
  });

  test('a key that the joining node can not store → it did not join, and may try again', async () => {
    const host = desk();
    const shown = await host.show();
    const full = await join(shown, {
      store: () => {
        throw new Error('the disk is full');
      },
    });
    expect(full).toMatchObject({
      ok: false,
      error: { code: 'BrokenOff', message: expect.stringContaining('the disk is full') },
    });
    await expect.poll(() => host.current, { timeout: 5_000 }).toMatchObject({ state: 'Waiting' });
    // The code is that node's from now on.
    expect(await join(shown, { who: 'thief' })).toMatchObject({ ok: false, error: { code: 'CodeInUse' } });
    expect(await join(shown)).toMatchObject({ ok: true });
  });

  test('nobody leads, so that it can not be let in → told, and the code stays', async () => {
    let leads = false;
    const host = desk({
      admit: async () => {
        if (!leads) throw new Error('nobody leads this cluster now');
      },
    });
    const shown = await host.show();
    expect(await join(shown)).toMatchObject({
      ok: false,
      error: { code: 'NotNow', message: expect.stringContaining('nobody leads') },
    });
    leads = true;
    expect(await join(shown)).toMatchObject({ ok: true });
  });

  test('what answers with no words of pairing → broken off, nothing stored', async () => {
    const code = newPairingCode(randomBytes);
    const host = await openPairingHost(
      { clock: systemClock, identity: identityOf('odd') },
      {
        host: '127.0.0.1',
        discovery: false,
        secret: await pairingSecret(code),
        onGuess: () => undefined,
        onChannel: (channel) => channel.send({ what: 'is this' }),
      },
    );
    closers.push(async () => host.close());
    const at = peerMultiaddr(host.addresses[0] ?? '');
    const joined = await fetchKey(
      { clock: systemClock, identity: identityOf('laptop') },
      {
        host: '127.0.0.1',
        discovery: false,
        code,
        at: at.ok ? at.value : '',
        self: { nodeId: idOf('laptop'), name: 'laptop', version: '1.2.3' },
        fingerprint: 'its own',
        store: () => expect.fail('stored'),
      },
    );
    expect(joined).toMatchObject({ ok: false, error: { code: 'BrokenOff' } });
  });
});
