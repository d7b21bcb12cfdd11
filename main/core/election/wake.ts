import type { Replica, Role } from './replica.ts';

/** When the replica next has something to do of its own; never before `now`. */
export function wakeAt(replica: Replica, now: number): number {
  const { peers, policy, heartbeatAt, role } = replica;
  if (role.type === 'Stopped') return Number.POSITIVE_INFINITY;
  let at = Math.min(heartbeatAt, deadline(replica, role));
  for (const heardAt of peers.values()) if (heardAt !== null) at = Math.min(at, heardAt + policy.silenceMs);
  return Math.max(now, at);
}

/** The first of the role's own; Infinity = none. */
function deadline({ policy, submitAt, tails, log }: Replica, role: Role): number {
  const tail = tails.some(({ waiting }) => waiting !== null) ? submitAt : Infinity;
  switch (role.type) {
    case 'Seeking':
      return role.campaignAt;
    case 'Campaigning':
      return role.deadline;
    case 'Following':
      return role.level ? Math.min(role.joinAt, tail) : role.joinAt;
    case 'Master': {
      const pending =
        role.acknowledged < log.last && ![...role.followers.values()].some(({ level }) => level);
      const solo = pending ? role.soloSince + policy.soloMs : Infinity;
      return Math.min(role.meeting?.deadline ?? Infinity, role.leaveAt ?? Infinity, tail, solo);
    }
    case 'Stopped':
    default:
      return Infinity;
  }
}
