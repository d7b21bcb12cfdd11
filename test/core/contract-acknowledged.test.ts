import { describe, expect, it } from 'vitest';
import { Acknowledged, type AcknowledgedMessage } from '../../main/core/contract/acknowledged.ts';

interface End {
  readonly channel: Acknowledged;
  readonly texts: string[];
  readonly strange: () => number;
  readonly drained: () => number;
}

/** Two ends whose messages stay on the way until `carry`. */
function pair(): { a: End; b: End; carry: () => void } {
  const way: (() => void)[] = [];
  const end = (other: () => End): End => {
    const texts: string[] = [];
    let [strange, drained] = [0, 0];
    const channel = new Acknowledged({
      post: (message: AcknowledgedMessage) => way.push(() => other().channel.receive(message)),
      onText: (text) => texts.push(text),
      onStrange: () => (strange += 1),
      onDrained: () => (drained += 1),
      soon: (call) => way.push(call),
    });
    return { channel, texts, strange: () => strange, drained: () => drained };
  };
  const a: End = end(() => b);
  const b: End = end(() => a);
  return {
    a,
    b,
    carry: () => {
      for (let next = way.shift(); next !== undefined; next = way.shift()) next();
    },
  };
}

describe('texts over a channel that tells nothing of its other end', () => {
  it('given texts on their way, they wait until the other end took them, in order', () => {
    const { a, b, carry } = pair();
    a.channel.send('one');
    a.channel.send('three');
    expect(a.channel.waiting).toBe(8);
    carry();
    expect({ waiting: a.channel.waiting, texts: b.texts, drained: a.drained() }).toEqual({
      waiting: 0,
      texts: ['one', 'three'],
      drained: 1,
    });
  });

  it.each([[{}], [-1], [1], [Number.NaN], [null]])(
    'given %j, which nobody sends, it is told and changes nothing',
    (message) => {
      const { a } = pair();
      a.channel.receive(message);
      expect({ strange: a.strange(), waiting: a.channel.waiting }).toEqual({ strange: 1, waiting: 0 });
    },
  );
});
