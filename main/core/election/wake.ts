import type { Replica, Role } from './replica.ts';

/** When the replica next has something to do of its own; never before `now`. */
export function wakeAt(replica: Replica, now: number): number {
  const { peers, policy, heartbeatAt, role } = replica;
  if (role.type === 'Stopped') return Number.POSITIVE_INFINITY;
  const silences = [...peers.values()].flatMap((heardAt) =>
    heardAt === null ? [] : [heardAt + policy.silenceMs],
  );
  return Math.max(now, Math.min(heartbeatAt, ...silences, ...deadlines(replica, role)));
}

function deadlines({ policy, submitAt, tails, log }: Replica, role: Role): number[] {
  const tail = tails.some(({ waiting }) => waiting !== null) ? [submitAt] : [];
  switch (role.type) {
    case 'Seeking':
      return [role.campaignAt];
    case 'Campaigning':
      return [role.deadline];
    case 'Following':
      return [role.joinAt, ...(role.level ? tail : [])];
    case 'Master': {
      const pending =
        role.acknowledged < log.last && ![...role.followers.values()].some(({ level }) => level);
      const solo = pending ? [role.soloSince + policy.soloMs] : [];
      return [role.meeting?.deadline, role.leaveAt].filter((at) => at != null).concat(tail, solo);
    }
    case 'Stopped':
    default:
      return [];
  }
}
