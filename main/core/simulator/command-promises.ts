import type { Command } from '../command.ts';
import type { Entry, Outcome } from '../election/message.ts';
import type { CommandId, MetaInstanceId, NodeId } from '../id.ts';
import type { ClusterState } from '../state.ts';

interface Deleted {
  readonly commandId: CommandId;
  readonly name: MetaInstanceId;
  /** Creates of that name which the deleting master knew and whose callers had their answer. */
  readonly creates: ReadonlySet<CommandId>;
}

/** What people were told, and what must be so of it once everybody is back. */
export class CommandPromises {
  /** Told as done, and whether an event of it is in the log. */
  readonly #done = new Map<CommandId, boolean>();
  /** Told by a master whether anything was ordered for it. */
  readonly #ordered = new Map<CommandId, boolean>();
  readonly #storedBy = new Map<CommandId, Set<NodeId>>();
  /** Every node whose disk ever had it, also those that lost it since. */
  readonly #everOn = new Map<CommandId, Set<NodeId>>();
  readonly #creates = new Map<MetaInstanceId, CommandId[]>();
  readonly #answeredWhenAsked = new Map<CommandId, ReadonlySet<CommandId>>();
  readonly #deleted: Deleted[] = [];

  asked(command: Command): void {
    const { commandId } = command;
    if (command.type === 'CreateMetaInstance') {
      const name = command.metaInstanceId;
      this.#creates.set(name, [...(this.#creates.get(name) ?? []), commandId]);
    }
    if (command.type === 'DeleteMetaInstance')
      this.#answeredWhenAsked.set(commandId, new Set(this.#done.keys()));
  }

  /** @param held commands that the log held at the decision, in their order: what comes after a delete was not deleted by it */
  decided(command: Command, outcome: Outcome, held: readonly CommandId[]): void {
    const { commandId } = command;
    this.#ordered.set(commandId, held.includes(commandId));
    if (command.type !== 'DeleteMetaInstance' || outcome.type !== 'Accepted') return;
    const answered = this.#answeredWhenAsked.get(commandId);
    const name = command.metaInstanceId;
    const place = held.indexOf(commandId);
    const before = new Set(place === -1 ? held : held.slice(0, place));
    const creates = (this.#creates.get(name) ?? []).filter(
      (create) => answered?.has(create) === true && before.has(create),
    );
    this.#deleted.push({ commandId, name, creates: new Set(creates) });
  }

  answered({ commandId }: Command, outcome: Outcome): void {
    if (outcome.type === 'Accepted') this.#done.set(commandId, this.#ordered.get(commandId) ?? false);
  }

  /** A side that lost learned what became of it at the winner: shown to people, so it is not lost silently. */
  settled(commandId: CommandId, outcome: Outcome): void {
    const inLog = outcome.type === 'Accepted' && (this.#ordered.get(commandId) ?? false);
    if (this.#done.has(commandId)) this.#done.set(commandId, inLog);
  }

  stored(commandId: CommandId, nodeId: NodeId): void {
    let nodes = this.#storedBy.get(commandId);
    if (nodes === undefined) this.#storedBy.set(commandId, (nodes = new Set()));
    nodes.add(nodeId);
    this.held(commandId, nodeId);
  }

  /** That node's disk has it, if only within a snapshot. */
  held(commandId: CommandId, nodeId: NodeId): void {
    const nodes = this.#everOn.get(commandId);
    if (nodes === undefined) this.#everOn.set(commandId, new Set([nodeId]));
    else nodes.add(nodeId);
  }

  /** Whether it ever was on the disk of another node than this one [E7]. */
  isElsewhere(commandId: CommandId, nodeId: NodeId): boolean {
    return [...(this.#everOn.get(commandId) ?? [])].some((other) => other !== nodeId);
  }

  /** That node's disk is gone: what only it held is gone with it. */
  forget(nodeId: NodeId): void {
    for (const nodes of this.#storedBy.values()) nodes.delete(nodeId);
  }

  /** Told as done, still held by a node's disk, and not in this state. */
  lost(state: ClusterState): CommandId[] {
    const known = new Set(state.commands);
    return [...this.#done].flatMap(([commandId, inLog]) => {
      const held = (this.#storedBy.get(commandId)?.size ?? 0) > 0;
      return inLog && held && !known.has(commandId) ? [commandId] : [];
    });
  }

  /** Names that are there although a person was told that they are deleted, and nobody made them since. */
  revived(
    state: ClusterState,
    entries: readonly Entry[],
  ): { readonly name: string; readonly commandId: CommandId }[] {
    return this.#deleted.flatMap(({ name, commandId, creates }) => {
      if (state.metaInstances[name] === undefined || (this.#storedBy.get(commandId)?.size ?? 0) === 0)
        return [];
      const made = entries.findLast(
        ({ event }) => event.type === 'MetaInstanceCreated' && event.metaInstanceId === name,
      );
      return made?.commandId !== undefined && creates.has(made.commandId) ? [{ name, commandId }] : [];
    });
  }
}
