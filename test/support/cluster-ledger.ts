import { STARTER, type ClusterNode } from './cluster-node.ts';

/** Whether a MetaInstance must be there, must not, or may be either because an answer never came. */
type Wanted = 'Present' | 'Absent' | 'Either';

/** More nodes than any cluster here has: it takes no memory and starts no runner. */
const NOWHERE = 9;

export interface Answer {
  readonly type: 'Acknowledged' | 'Refused' | 'NoAnswer';
  readonly status: number | undefined;
  readonly text: string;
  readonly tookMs: number;
}

/** What people asked of a cluster, what they were told, and so what must be there when it is quiet. */
export class Ledger {
  readonly #wanted = new Map<string, Wanted>();
  #made = 0;
  /** Commands that were acknowledged. */
  acknowledged = 0;
  /** Commands without an answer, or with one that leaves open whether they take effect. */
  unanswered = 0;
  /** How many answers of each HTTP status there were, and how many broke off or never came. */
  readonly answers = new Map<number | 'none', number>();

  /** Names that are in use, oldest first. */
  get present(): string[] {
    return [...this.#wanted].flatMap(([name, wanted]) => (wanted === 'Present' ? [name] : []));
  }

  /** A name that nothing had before: so it is never unclear which of two commands came last. */
  name(prefix = 'light'): string {
    this.#made += 1;
    return `${prefix}-${this.#made}`;
  }

  /** Creates one that no cluster here can place. */
  light(node: ClusterNode, withinMs?: number): Promise<Answer> {
    return this.create(node, this.name(), { min_nodes: NOWHERE }, withinMs);
  }

  async create(
    node: ClusterNode,
    name: string,
    body: Readonly<Record<string, unknown>> = {},
    withinMs?: number,
  ): Promise<Answer> {
    this.#wanted.set(name, 'Either');
    const wanted = { model_id: STARTER, context_length: 512, meta_instance_id: name, ...body };
    const answer = await this.#ask(() =>
      node.ask('/meta_instance', { body: wanted, ...(withinMs === undefined ? {} : { withinMs }) }),
    );
    if (answer.type === 'Acknowledged') this.#wanted.set(name, 'Present');
    return answer;
  }

  async delete(node: ClusterNode, name: string, withinMs?: number): Promise<Answer> {
    const before = this.#wanted.get(name) ?? 'Either';
    this.#wanted.set(name, 'Either');
    const answer = await this.#ask(() =>
      node.ask(`/meta_instance/${name}`, {
        method: 'DELETE',
        ...(withinMs === undefined ? {} : { withinMs }),
      }),
    );
    if (answer.type === 'Acknowledged') this.#wanted.set(name, 'Absent');
    // Nothing was to delete there, as on the side of a partition that knows nothing of it: nothing took effect.
    if (answer.status === 404) this.#wanted.set(name, before);
    return answer;
  }

  /** What a node that shows these names holds against what people were told; empty = nothing was lost. */
  violations(names: Iterable<string>): string[] {
    const shown = new Set(names);
    const problems: string[] = [];
    for (const [name, wanted] of this.#wanted) {
      if (wanted === 'Present' && !shown.has(name))
        problems.push(`the acknowledged create of ${name} is lost`);
      if (wanted === 'Absent' && shown.has(name))
        problems.push(`${name} is back after its delete was acknowledged`);
    }
    for (const name of shown) if (!this.#wanted.has(name)) problems.push(`nobody ever asked for ${name}`);
    return problems;
  }

  async #ask(send: () => ReturnType<ClusterNode['ask']>): Promise<Answer> {
    const startedAt = performance.now();
    try {
      const { status, text } = await send();
      const tookMs = performance.now() - startedAt;
      if (status === 200) this.acknowledged += 1;
      else this.unanswered += 1;
      this.#count(status);
      return { type: status === 200 ? 'Acknowledged' : 'Refused', status, text, tookMs };
    } catch (error) {
      this.unanswered += 1;
      this.#count('none');
      const tookMs = performance.now() - startedAt;
      return { type: 'NoAnswer', status: undefined, text: (error as Error).message, tookMs };
    }
  }

  #count(answer: number | 'none'): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
  }
}
