import type { CommandId, NodeId } from '../id.ts';
import type { KeptCommand, Outcome } from './message.ts';
import { masterOf, type Tail } from './replica.ts';
import { change, post, type Work } from './work.ts';

const BATCH = 64;

/** The shell has read which people's commands a tail holds. */
export function takeTail(work: Work, tailId: string, commands: readonly KeptCommand[]): void {
  const { tails } = work.replica;
  change(work, {
    tails: tails
      .map((tail) => (tail.tailId === tailId && tail.waiting === null ? { tailId, waiting: commands } : tail))
      .filter(({ waiting }) => waiting?.length !== 0),
    submitAt: work.moment.now,
    submitted: 0,
  });
}

/**
 * The oldest tail's commands go to the master in their order, and again until all of a batch are answered; the next
 * batch waits for that, since a delete must not overtake its create [E8].
 */
export function submitTails(work: Work): void {
  const { role, self, policy, submitAt, submitted } = work.replica;
  const commands = oldest(work)?.waiting?.slice(0, submitted === 0 ? BATCH : submitted) ?? [];
  const ready = role.type === 'Master' || (role.type === 'Following' && role.level);
  const master = masterOf(work.replica);
  if (commands.length === 0 || !ready || master === null || work.moment.now < submitAt) return;
  if (master === self) takeSubmit(work, self, commands);
  else post(work, master, { type: 'Submit', commands });
  change(work, { submitAt: work.moment.now + policy.submitMs, submitted: commands.length });
}

/** At the master: the shell decides. Whoever is not the master any more is asked again elsewhere. */
export function takeSubmit(work: Work, from: NodeId, commands: readonly KeptCommand[]): void {
  const { role } = work.replica;
  if (role.type !== 'Master' || role.leaveAt !== null) return;
  work.submit.push(...commands.map((command) => ({ from, command })));
}

export function answer(work: Work, to: NodeId, commandId: CommandId, outcome: Outcome): void {
  if (to === work.replica.self) takeOutcome(work, commandId, outcome);
  else post(work, to, { type: 'Answered', commandId, outcome });
}

export function takeOutcome(work: Work, commandId: CommandId, outcome: Outcome): void {
  const answered = ({ command }: KeptCommand): boolean => command.commandId === commandId;
  const holding = work.replica.tails.filter(({ waiting }) => waiting?.some(answered) ?? false);
  if (holding.length === 0) return;
  work.settled.push(...holding.map(({ tailId }) => ({ tailId, commandId, outcome })));
  const tails = work.replica.tails
    .map((tail) => ({ ...tail, waiting: tail.waiting?.filter((each) => !answered(each)) ?? null }))
    .filter(({ waiting }) => waiting?.length !== 0);
  const submitted = stillSubmitted(work, answered);
  change(work, { tails, submitted, ...(submitted === 0 && { submitAt: work.moment.now }) });
}

/** The one whose commands are submitted. */
const oldest = ({ replica }: Work): Tail | undefined => replica.tails.find(({ waiting }) => waiting !== null);

function stillSubmitted(work: Work, answered: (command: KeptCommand) => boolean): number {
  const { submitted } = work.replica;
  const at = oldest(work)?.waiting?.findIndex(answered) ?? -1;
  return at >= 0 && at < submitted ? submitted - 1 : submitted;
}

/**
 * Whether a kept edit still means what its author saw [E8]: only when nobody changed the MetaInstance on the winner's side.
 * @param generation the winner's generation of what the command names; null = it is not there
 */
export function stillMeant({ baseGeneration }: KeptCommand, generation: number | null): boolean {
  return baseGeneration === null || generation === null || baseGeneration === generation;
}
