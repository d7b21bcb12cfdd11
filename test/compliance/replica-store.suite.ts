import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apply } from '../../main/core/apply/index.ts';
import type { Entry, Envelope, KeptCommand } from '../../main/core/election/message.ts';
import type { Persist, Send } from '../../main/core/election/ready.ts';
import type { Persisted } from '../../main/core/election/replica.ts';
import type { CommandId, MetaInstanceId, NodeId } from '../../main/core/id.ts';
import { emptyState, type ClusterState } from '../../main/core/state.ts';
import { event, someNode } from '../support/builders.ts';

/** What an election core and its shell need of a disk. */
export interface DiskUnderTest {
  readonly state: ClusterState;
  persisted(): Persisted;
  write(
    persist: Persist,
  ): Promise<{ readonly tailId: string; readonly commands: readonly KeptCommand[] } | null>;
  read(from: number, through: number): readonly Entry[];
  fill(send: Send): Envelope | null;
  /** The same disk after its process was killed and started again. */
  reopen(): Promise<DiskUnderTest>;
  close(): Promise<void>;
}

const nothing: Persist = { ballot: null, truncate: null, install: null, append: [], settled: [] };
const other = '12D3KooWOtherNode' as NodeId;

/** Entry `index` of that term; every third carries the command it came of. */
export function entryAt(index: number, term: number): Entry {
  const happened = index % 2 === 1 ? event.nodeStarted(`desk ${term}`) : event.downloadCompleted(index);
  const at = 1_700_000_000_000 + index;
  const epoch = { term, masterId: term % 2 === 0 ? other : someNode };
  if (index % 3 !== 0) return { index, at, event: happened, epoch };
  const command = commandAt(index, term);
  return { index, at, event: happened, epoch, commandId: command.command.commandId, command };
}

function commandAt(index: number, term: number): KeptCommand {
  const commandId = `command-${term}-${index}` as CommandId;
  return {
    command: { type: 'PauseMetaInstance', commandId, metaInstanceId: 'starter' as MetaInstanceId },
    baseGeneration: null,
  };
}

/** A log without one would count as damaged. */
const ballotOf = (term: number): NonNullable<Persist['ballot']> => ({
  lives: 1,
  term,
  vote: someNode,
  lineage: null,
});

const range = (from: number, count: number, term: number): Entry[] =>
  Array.from({ length: count }, (_, at) => entryAt(from + at, term));

const folded = (entries: readonly Entry[]): ClusterState =>
  entries.reduce((state, { epoch: _epoch, command: _command, ...each }) => apply(state, each), emptyState);

type Move =
  | { readonly type: 'Append'; readonly count: number; readonly newTerm: boolean }
  | { readonly type: 'Cut'; readonly back: number; readonly count: number }
  | { readonly type: 'Install'; readonly index: number }
  | { readonly type: 'Settle'; readonly at: number }
  | { readonly type: 'Reopen' };

const move: fc.Arbitrary<Move> = fc.oneof(
  fc.record({
    type: fc.constant('Append' as const),
    count: fc.integer({ min: 1, max: 9 }),
    newTerm: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('Cut' as const),
    back: fc.integer({ min: 1, max: 12 }),
    count: fc.nat({ max: 4 }),
  }),
  fc.record({ type: fc.constant('Install' as const), index: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ type: fc.constant('Settle' as const), at: fc.nat({ max: 5 }) }),
  fc.record({ type: fc.constant('Reopen' as const) }),
);

/** What each implementation must do; compared with plain lists, not with each other. */
export function replicaStoreSuite(name: string, open: () => Promise<DiskUnderTest>): void {
  describe(name, () => {
    test('a new disk → nothing, and not damaged', async () => {
      const disk = await open();
      expect([disk.state, disk.persisted(), disk.read(1, 10)]).toEqual([
        emptyState,
        {
          ballot: { lives: 0, term: 0, vote: null, lineage: null },
          log: { base: 0, snapshot: 0, last: 0, starts: [] },
          tails: [],
          damaged: false,
        },
        [],
      ]);
      await disk.close();
    });

    test('a range that is there → an Append; one that is not → null, the follower joins again', async () => {
      const disk = await open();
      await disk.write({ ...nothing, append: range(1, 5, 1) });
      const send = (from: number, through: number): Send => ({
        via: other,
        from: someNode,
        to: other,
        hops: 0,
        message: { type: 'AppendRange', session: 3, from, through },
      });
      expect(disk.fill(send(2, 4))).toEqual({
        from: someNode,
        to: other,
        hops: 0,
        message: { type: 'Append', session: 3, from: 2, entries: range(2, 3, 1) },
      });
      expect(disk.fill(send(7, 9))).toBeNull();
      await disk.close();
    });

    test('more entries than one message carries → the first of them, at least one', async () => {
      const disk = await open();
      const name = '\u0001'.repeat(200_000);
      const large = range(1, 6, 1).map((entry): Entry => ({
        ...entry,
        event: { ...event.nodeStarted(), name } as Entry['event'],
      }));
      await disk.write({ ...nothing, ballot: ballotOf(1), append: large });
      const message = { type: 'AppendRange', session: 3, from: 1, through: 6 } as const;
      const filled = disk.fill({ via: other, from: someNode, to: other, hops: 0, message });
      expect(filled).toMatchObject({ message: { type: 'Append', from: 1, entries: [{ index: 1 }] } });
      expect(JSON.stringify(filled).length).toBeLessThan(4 * 1024 * 1024);
      await disk.close();
    });

    test('any writes, cuts, installs and restarts → what a plain list says', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(move, { minLength: 3, maxLength: 25 }), async (moves) => {
          let disk = await open();
          let entries: Entry[] = [];
          let term = 1;
          /** Entries that are gone into an installed state. */
          let base = 0;
          const tails = new Map<string, KeptCommand[]>();
          for (const [at, each] of moves.entries()) {
            switch (each.type) {
              case 'Append': {
                if (each.newTerm) term += 1;
                const append = range(entries.length + 1, each.count, term);
                expect(await disk.write({ ...nothing, ballot: ballotOf(term), append })).toBeNull();
                entries = [...entries, ...append];
                break;
              }
              case 'Cut': {
                const after = Math.max(base, entries.length - each.back);
                const tailId = `tail-${at}`;
                term += 1;
                const append = range(after + 1, each.count, term);
                const commands = entries.slice(after).flatMap(({ command }) => command ?? []);
                expect(
                  await disk.write({
                    ...nothing,
                    ballot: ballotOf(term),
                    truncate: { after, tailId },
                    append,
                  }),
                ).toEqual({
                  tailId,
                  commands,
                });
                if (commands.length > 0) tails.set(tailId, commands);
                entries = [...entries.slice(0, after), ...append];
                break;
              }
              case 'Install': {
                // As the core orders it: what differs is cut to the tail, then the whole state replaces the rest.
                term += 1;
                const tailId = `tail-${at}`;
                const commands = entries.slice(base).flatMap(({ command }) => command ?? []);
                const whole = range(1, each.index, term);
                const starts = [{ epoch: whole[0]!.epoch, index: 1 }];
                const install = { index: each.index, starts, state: folded(whole) };
                const cut = await disk.write({
                  ...nothing,
                  ballot: ballotOf(term),
                  truncate: { after: base, tailId },
                  install,
                });
                expect(cut).toEqual({ tailId, commands });
                if (commands.length > 0) tails.set(tailId, commands);
                entries = whole;
                base = each.index;
                break;
              }
              case 'Settle': {
                const [tailId, waiting] = [...tails][each.at] ?? [];
                const first = waiting?.[0];
                if (tailId === undefined || first === undefined) break;
                const { commandId } = first.command;
                await disk.write({
                  ...nothing,
                  settled: [{ tailId, commandId, outcome: { type: 'Accepted' } }],
                });
                const left = waiting!.slice(1);
                if (left.length === 0) tails.delete(tailId);
                else tails.set(tailId, left);
                break;
              }
              case 'Reopen':
                disk = await disk.reopen();
                break;
            }
            expect(disk.state).toEqual(folded(entries));
            const { log, tails: kept, damaged } = disk.persisted();
            expect([log.last, log.base, damaged]).toEqual([entries.length, base, false]);
            expect(new Map(kept.map(({ tailId, waiting }) => [tailId, waiting]))).toEqual(tails);
            expect(disk.read(1, entries.length + 3)).toEqual(entries.slice(base));
          }
          await disk.close();
        }),
        { numRuns: 60 },
      );
    });
  });
}
