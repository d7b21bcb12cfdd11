import type { Event } from '../../main/core/event.ts';
import { refused, ok } from '../../main/core/result.ts';
import type { CommandId, NodeId } from '../../main/core/id.ts';
import type { Pairing } from '../../main/node/membership/pairing.ts';
import type { Finding } from '../../main/node/membership/finding.ts';
import { diagnose } from '../../main/node/membership/doctor.ts';
import { MembershipBusy, type MembershipApi } from '../../main/node/membership/membership-api.ts';
import type { ClusterSnapshot } from '../../main/node/membership/snapshot.ts';
import { shownCode, type PairingCode } from '../../main/node/membership/pairing-code.ts';

export const otherId = 'fake-node-9' as NodeId;

/** The other node comes into the state. */
export const otherStarted: Event = {
  type: 'NodeStarted',
  nodeId: otherId,
  name: 'desk',
  version: '0.0.0-fake',
  sessionId: 's9',
  memoryBytes: 2 ** 34,
};

/** A membership whose other side a test says itself. */
export class FakeMembership implements MembershipApi {
  /** What a test changes of what is seen. */
  seen: Partial<ClusterSnapshot> = {};
  /** Set to have every change refused as under way. */
  busy = false;
  /** The code that the other node shows. */
  othersCode = 'K7QM2X9F4T' as PairingCode;
  left = false;
  removed: NodeId[] = [];
  /** Addresses that joining was asked to try. */
  tried: (string | undefined)[] = [];
  pairing: Pairing | null = null;
  readonly #base: () => ClusterSnapshot;

  constructor(base: () => Omit<ClusterSnapshot, 'pairing'>) {
    this.#base = () => ({ ...base(), pairing: this.pairing });
  }

  snapshot(): ClusterSnapshot {
    return { ...this.#base(), ...this.seen };
  }

  diagnose(): readonly Finding[] {
    return diagnose(this.snapshot());
  }

  async showCode(): Promise<Pairing> {
    this.pairing ??= {
      state: 'Waiting',
      code: shownCode('AAAAABBBBB' as PairingCode),
      addresses: ['192.168.1.4:50123', '127.0.0.1:50123', '[::1]:50123'],
      expiresAt: this.snapshot().now + 300_000,
      guessesLeft: 5,
      joined: null,
      message: 'Waiting for the other node.',
    };
    return this.pairing;
  }

  async cancelCode(): Promise<void> {
    this.end('Cancelled', 'The code was taken back.');
  }

  /** What came of the code that is shown. */
  end(state: Pairing['state'], message: string, joined: Pairing['joined'] = null): void {
    if (this.pairing !== null) this.pairing = { ...this.pairing, state, message, joined, code: null };
  }

  join: MembershipApi['join'] = async (code, at) => {
    if (this.busy) throw new MembershipBusy();
    this.tried.push(at);
    if (code !== this.othersCode) return refused({ code: 'WrongCode', message: 'That is another code.' });
    return ok({ from: { nodeId: otherId, name: 'desk', version: '1.2.3' }, met: true });
  };

  leave: MembershipApi['leave'] = async () => {
    if (this.busy) throw new MembershipBusy();
    this.left = true;
    return ok({ told: true });
  };

  remove: MembershipApi['remove'] = async (nodeId) => {
    if (this.busy) throw new MembershipBusy();
    if (this.snapshot().state.nodes[nodeId] === undefined) {
      return refused({ code: 'NotFound', message: `there is no node ${nodeId}` });
    }
    this.removed.push(nodeId);
    return ok({ commandId: 'command-1' as CommandId, withoutKey: [] });
  };
}
