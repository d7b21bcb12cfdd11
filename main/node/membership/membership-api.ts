import type { Refusal } from '../../core/command.ts';
import type { CommandId, NodeId } from '../../core/id.ts';
import type { Result } from '../../core/result.ts';
import type { Finding } from './finding.ts';
import type { JoinRefusal } from './joining.ts';
import type { PairingCode } from './pairing-code.ts';
import type { PairedNode } from './pairing-message.ts';
import type { Pairing } from './pairing.ts';
import type { ClusterSnapshot } from './snapshot.ts';

/** What came of a join: who let this node in, and whether a member was met under the new key yet. */
export interface Joined {
  readonly from: PairedNode;
  readonly met: boolean;
}

export interface Removed {
  readonly commandId: CommandId;
  /** Members that did not get the new key: they were away. They have to be paired again. */
  readonly withoutKey: readonly NodeId[];
}

export interface Left {
  /** False = nobody leads, so that the others see this node as lost until they remove it. */
  readonly told: boolean;
}

/** Another change of the membership is under way on this node. */
export class MembershipBusy extends Error {
  override readonly name = 'MembershipBusy';

  constructor() {
    super('This node is just joining, leaving or removing another; ask again when that is done.');
  }
}

/** Which cluster a node belongs to, and how that changes. The last three reject with `MembershipBusy` or `NoMasterError`. */
export interface MembershipApi {
  snapshot(): ClusterSnapshot;
  /** What is wrong, as far as this node can tell. */
  diagnose(): readonly Finding[];
  /** The code that is shown already, or a new one. */
  showCode(): Promise<Pairing>;
  /** May be called twice. */
  cancelCode(): Promise<void>;
  /** @param at multiaddr of the node that shows the code; undefined = it is looked for */
  join(code: PairingCode, at: string | undefined): Promise<Result<Joined, JoinRefusal>>;
  /** The node starts over as a cluster of its own; what it had is moved aside, not deleted. */
  leave(): Promise<Result<Left, Refusal>>;
  /** For good, and the others get a new key, so that what the removed node knows is of no use. */
  remove(nodeId: NodeId): Promise<Result<Removed, Refusal>>;
}
