import { describe, expect, test } from 'vitest';
import { branchOf, childrenOf, choose, forkOf, type TreeMessage } from '../../renderer/stores/chat/tree.ts';

/** `a`, `b<a` = b answers a; in the order in which they were said. */
const said = (...messages: readonly string[]): readonly TreeMessage[] =>
  messages.map((message) => {
    const [id = '', parentId] = message.split('<');
    return { id, parentId: parentId ?? null };
  });

const shown = (messages: readonly TreeMessage[], chosen = new Map<string, string>()): string =>
  branchOf(childrenOf(messages), chosen)
    .map(({ id }) => id)
    .join(' ');

describe('a conversation shows one branch', () => {
  const rows: readonly {
    readonly name: string;
    readonly messages: readonly TreeMessage[];
    readonly branch: string;
  }[] = [
    { name: 'nothing said', messages: [], branch: '' },
    { name: 'no fork', messages: said('a', 'b<a', 'c<b'), branch: 'a b c' },
    { name: 'the newest answer of several', messages: said('a', 'b<a', 'c<a'), branch: 'a c' },
    { name: 'an edited beginning', messages: said('a', 'b<a', 'A', 'B<A'), branch: 'A B' },
    { name: 'a message without its parent is left out', messages: said('a', 'x<gone', 'b<a'), branch: 'a b' },
    { name: 'messages that answer each other end', messages: said('a', 'b<a', 'b<b'), branch: 'a b' },
  ];
  for (const { name, messages, branch } of rows) test(name, () => expect(shown(messages)).toBe(branch));

  test('the chosen one, also where it lies deep in another branch', () => {
    const messages = said('a', 'b<a', 'c<b', 'd<c', 'C<b', 'B<a');
    const byId = new Map(messages.map((message) => [message.id, message]));
    expect(shown(messages)).toBe('a B');
    const chosen = choose(byId, new Map(), 'd');
    expect(shown(messages, new Map(chosen))).toBe('a b c d');
    expect(shown(messages, new Map(choose(byId, chosen, 'B')))).toBe('a B');
    // What was chosen further down is remembered.
    expect(shown(messages, new Map(choose(byId, choose(byId, chosen, 'B'), 'b')))).toBe('a b c d');
  });

  test('each message knows its place among its like', () => {
    const messages = said('a', 'b<a', 'c<a', 'd<a');
    const children = childrenOf(messages);
    expect(messages.map((message) => forkOf(children, message))).toEqual([
      { position: 0, count: 1, previous: null, next: null },
      { position: 0, count: 3, previous: null, next: 'c' },
      { position: 1, count: 3, previous: 'b', next: 'd' },
      { position: 2, count: 3, previous: 'c', next: null },
    ]);
  });
});
