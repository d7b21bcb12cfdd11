import type {
  JoinAnswer,
  JoinBody,
  LeaveAnswer,
  RemoveNodeAnswer,
} from '../../../core/contract/rest-cluster.ts';
import { NodeId } from '../../../core/id.ts';
import { unreachable } from '../../../core/result.ts';
import type { ClusterState } from '../../../core/state.ts';
import { distinctNames, values } from '../../../core/view.ts';
import type { NodeApi } from '../../api.ts';
import { peerMultiaddr } from '../../membership/address.ts';
import type { JoinRefusal } from '../../membership/joining.ts';
import { MembershipBusy } from '../../membership/membership-api.ts';
import { pairingCodeOf } from '../../membership/pairing-code.ts';
import { nodeNamed } from '../../membership/snapshot.ts';
import { HttpError } from '../http-error.ts';
import { refusalError } from '../refusal.ts';

/** How nodes come in and go, for every surface. All throw HttpError with the field at fault. */

export async function joinCluster(api: NodeApi, body: JoinBody): Promise<JoinAnswer> {
  const code = pairingCodeOf(body.code);
  if (code === undefined) {
    throw new HttpError(
      400,
      'A pairing code has ten letters and digits, such as K7QM2-X9F4T; this one does not.',
      {
        param: 'code',
      },
    );
  }
  const address = body.address === undefined ? undefined : peerMultiaddr(body.address);
  if (address?.ok === false) throw new HttpError(400, `The address ${address.error}.`, { param: 'address' });
  const joined = await exclusively(() => api.membership.join(code, address?.value));
  if (!joined.ok) throw new HttpError(statusOf(joined.error.code), joined.error.message, { param: 'code' });
  const { from, met } = joined.value;
  const message = met
    ? `This node has joined the cluster of ${from.name}.`
    : `This node has the key of the cluster of ${from.name}, but could not connect yet; it goes on trying. \`skein doctor\` tells why.`;
  return { message, from, connected: met };
}

export async function leaveCluster(api: NodeApi): Promise<LeaveAnswer> {
  const left = await exclusively(() => api.membership.leave());
  if (!left.ok) throw new HttpError(409, left.error.message);
  const { told } = left.value;
  const message = told
    ? 'This node has left the cluster and starts over as one of its own.'
    : 'This node has left the cluster and starts over as one of its own. No other node could be told: there it is shown as away until `skein remove` takes it out.';
  return { message, told };
}

/** @param text its id, or its name where no other node has it */
export async function removeNode(api: NodeApi, text: string): Promise<RemoveNodeAnswer> {
  const { state, nodeId: self } = api.membership.snapshot();
  const nodeId = nodeToRemove(state, text);
  if (nodeId === self) {
    throw new HttpError(400, 'This is the node that answers; `skein leave` takes it out of the cluster.', {
      param: 'id',
    });
  }
  const names = distinctNames(state);
  const name = names[nodeId] ?? nodeId;
  const removed = await exclusively(() => api.membership.remove(nodeId));
  if (!removed.ok) throw refusalError(removed.error, 'id');
  const { withoutKey, commandId } = removed.value;
  const missed = withoutKey.map((each) => names[each] ?? each).join(', ');
  const message =
    withoutKey.length === 0
      ? `${name} is removed, and the cluster has a new key.`
      : `${name} is removed, and the cluster has a new key. ${missed} could not get it now and must be paired again.`;
  return {
    message,
    command_id: commandId,
    node_id: nodeId,
    without_key: [...withoutKey],
  };
}

/** Also one that is known no more: it may have been removed before. */
function nodeToRemove(state: ClusterState, text: string): NodeId {
  const named = nodeNamed(state, text) ?? NodeId.safeParse(text).data;
  if (named !== undefined && (state.nodes[named] !== undefined || state.removedNodes.includes(named))) {
    return named;
  }
  const names = Object.values(distinctNames(state)).join(', ');
  const says = values(state.nodes).some(({ name }) => name === text)
    ? `Several nodes are called ${text}; say which one: ${names}, or its id.`
    : `There is no node ${text.slice(0, 160)}; there are ${names}.`;
  throw new HttpError(404, says, { param: 'id' });
}

async function exclusively<Value>(change: () => Promise<Value>): Promise<Value> {
  try {
    return await change();
  } catch (error) {
    if (error instanceof MembershipBusy) throw new HttpError(409, error.message);
    throw error;
  }
}

function statusOf(code: JoinRefusal['code']): number {
  switch (code) {
    case 'NobodyFound':
      return 404;
    case 'WrongCode':
    case 'VersionMismatch':
    case 'AlreadyMember':
    case 'CodeInUse':
    case 'Itself':
    case 'NotNow':
      return 409;
    case 'Unreachable':
    case 'BrokenOff':
      return 502;
    default:
      return unreachable(code);
  }
}
