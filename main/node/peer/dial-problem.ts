import type { NodeId } from '../../core/id.ts';
import { partsOf, withoutPeerId } from './address.ts';

/** Why nobody was reached, for people. `isDuplicate`: a node with this node's own id answered. */
export function dialProblem(
  error: unknown,
  about: { readonly address: string; readonly nodeId: NodeId; readonly own: readonly string[] },
): { readonly message: string; readonly isDuplicate: boolean } {
  const address = withoutPeerId(about.address);
  const errors = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  const first = errors.find((one) => one instanceof Error);
  const { name, message } = first ?? { name: '', message: String(error) };
  const says = (text: string, isDuplicate = false): ReturnType<typeof dialProblem> => ({
    message: text,
    isDuplicate,
  });
  if (name === 'InvalidPeerIdError' && message.includes('self')) {
    if (about.own.some((own) => withoutPeerId(own) === address)) {
      return says(`${address} is an address of this node itself.`);
    }
    return says(
      `The node at ${address} has the id ${about.nodeId}, as this one. One of the two has a copy of the other's data folder: ` +
        'stop that one and delete `identity.pem` in its folder; then it gets an id of its own.',
      true,
    );
  }
  if (message.includes('ECONNREFUSED')) {
    return says(`Nobody answers at ${address}: no Skein runs there, or it has another --peer-port.`);
  }
  if (name === 'EncryptionFailedError') {
    return says(
      `The node at ${address} belongs to another cluster, is another node than before, or is no Skein. \`skein pair\` joins two nodes.`,
    );
  }
  if (name === 'AbortError' || name === 'TimeoutError' || message.includes('ETIMEDOUT')) {
    return says(`Nothing answers at ${address}: that computer is off, asleep or behind a firewall.`);
  }
  if (partsOf(about.address) === undefined) return says(`${address} is no address of a node.`);
  return says(`${address} can not be reached: ${message}.`);
}
