import { beforeEach, describe, expect, test } from 'vitest';
import { ChatStore } from '../../renderer/stores/chat-store.ts';
import { titleOf } from '../../renderer/stores/chat/open-conversation.ts';
import type { Lane } from '../../renderer/stores/chat/lane.ts';
import { FakeChatNode, FakeFrames, settled } from '../support/fake-chat-node.ts';

let node: FakeChatNode;
let frames: FakeFrames;
let kept: Map<string, string>;
let shown: (string | null)[];
let failures: string[];

const page = (): ChatStore => {
  const store = new ChatStore({
    port: node,
    clock: frames,
    store: {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: (key) => void kept.delete(key),
    },
    shown: (id) => shown.push(id),
    failed: (error) => failures.push((error as Error).message),
  });
  return store;
};

let chat: ChatStore;

beforeEach(() => {
  node = new FakeChatNode();
  frames = new FakeFrames();
  kept = new Map([['skein.chat.target', 'small']]);
  shown = [];
  failures = [];
  chat = page();
});

/** The branch as people see it; what is being written in brackets. */
const seen = (lane: Lane = chat.current.main): string[] => {
  const messages = chat.current
    .branch(lane)
    .map((message) =>
      message.id === lane.liveId
        ? `[${lane.live?.text}]`
        : message.role === 'assistant' && message.state.type !== 'Complete'
          ? `${message.content} (${message.state.type})`
          : message.content,
    );
  return lane.pending === null ? messages : [...messages, `${lane.pending}?`];
};

const say = async (text: string): Promise<void> => {
  chat.type(text);
  void chat.send();
  await settled();
};

/** Says something and has it answered. */
const talk = async (text: string, answer: string): Promise<void> => {
  await say(text);
  node.answer.begin().say(answer).end();
  await settled();
};

describe('what is said', () => {
  test('is shown at once, begins a conversation, and is answered frame by frame', async () => {
    await say('Hello\nthere');
    expect(seen()).toEqual(['Hello\nthere?']);
    expect([...node.conversations.values()].map(({ title, target }) => [title, target])).toEqual([
      ['Hello', 'small'],
    ]);
    node.answer.begin().wait('Loading');
    expect(chat.current.main.live?.waiting).toBe('Loading');
    node.answer.prefill(5, 10);
    expect(chat.current.main.live).toMatchObject({ waiting: null, prefill: { processed: 5, total: 10 } });
    node.answer.say('Hi ').say('you');
    expect(seen()).toEqual(['Hello\nthere', '[]']);
    frames.frame();
    expect(seen()).toEqual(['Hello\nthere', '[Hi you]']);
    node.answer.say('!').end();
    expect(seen()).toEqual(['Hello\nthere', 'Hi you!']);
    expect(chat.current.busy).toBe(false);
    expect(shown.at(-1)).toBe(chat.current.id);
  });

  test('comes back as the draft where the node refused it, and the reason is shown', async () => {
    await say('Hello');
    node.answer.fail('No model runs.');
    await settled();
    expect([seen(), chat.draft.text, chat.current.main.problem]).toEqual([[], 'Hello', 'No model runs.']);
  });

  test('comes back as the draft where the node is away', async () => {
    node.down = 'The node does not answer.';
    await say('Hello');
    expect([chat.draft.text, chat.current.main.problem]).toEqual(['Hello', 'The node does not answer.']);
  });

  test('is not lost by a reload before the node has it', async () => {
    await say('Hello');
    expect(page().draft.text).toBe('Hello');
    node.answer.begin();
    await settled();
    expect(page().draft.text).toBe('');
  });

  test('needs a model', async () => {
    kept.clear();
    chat = page();
    await say('Hello');
    expect([chat.draft.text, node.answers.length, chat.current.main.problem]).toEqual([
      'Hello',
      0,
      'Choose a model first.',
    ]);
  });

  test('goes with its files', async () => {
    chat.attach([{ name: 'a.txt', text: 'A' }]);
    await say('Why?');
    expect(node.answer.params.text).toBe('File "a.txt":\n```txt\nA\n```\n\nWhy?');
  });
});

describe('an answer', () => {
  test('that is stopped ends at once and keeps what was said', async () => {
    await say('Tell');
    node.answer.begin().say('Once');
    chat.current.stop();
    expect([seen(), chat.current.busy, node.answer.closed]).toEqual([
      ['Tell', 'Once (Stopped)'],
      false,
      true,
    ]);
    // The node hears of it a little later; until then its word that it still writes does not count.
    await settled();
    expect(seen()).toEqual(['Tell', 'Once (Stopped)']);
    node.answer.say(' upon').end({ type: 'Stopped' });
    await frames.pass(1_000);
    expect(seen()).toEqual(['Tell', 'Once upon (Stopped)']);
  });

  test('whose connection breaks is asked for again', async () => {
    await say('Tell');
    node.answer.begin().say('Once');
    frames.frame();
    node.answer.fail('The connection is lost.');
    node.answer.say(' upon a time').end({ type: 'Interrupted' });
    chat.refresh();
    await settled();
    expect(seen()).toEqual(['Tell', 'Once upon a time (Interrupted)']);
  });

  test('that failed can be asked for again, and both stay', async () => {
    await say('Tell');
    node.answer.begin().say('On').end({ type: 'Failed', message: 'The runner on desk ended.' });
    const failed = chat.current.branch(chat.current.main)[1]!;
    chat.current.again(chat.current.main, failed as never);
    node.answer.begin().say('Once').end();
    expect(seen()).toEqual(['Tell', 'Once']);
    chat.current.show(chat.current.main, failed.id);
    expect(seen()).toEqual(['Tell', 'On (Failed)']);
    expect(chat.current.fork(failed)).toMatchObject({ position: 0, count: 2 });
  });

  test('says why it pauses, and goes on', async () => {
    await say('Tell');
    node.answer.begin().say('Once').wait('The runner on desk ended; it goes on.');
    const { live } = chat.current.main;
    expect([live?.text, live?.waiting]).toEqual(['Once', 'The runner on desk ended; it goes on.']);
    frames.frame();
    expect(live?.waiting).not.toBe(null);
    node.answer.say(' upon');
    frames.frame();
    expect([live?.text, live?.waiting]).toEqual(['Once upon', null]);
  });

  test('tells its speed and how long it thought', async () => {
    await say('Think');
    node.answer.begin().say('<think>hm');
    await frames.pass(1_000);
    node.answer.say('</think>Yes', 21);
    await frames.pass(1_000);
    const { live } = chat.current.main;
    expect([live?.tokensPerSecond, live?.reasoningMs]).toEqual([10.5, 2_000]);
    node.answer.end();
    expect([...chat.current.reasoning.values()]).toEqual([2_000]);
  });

  test('goes on while another conversation is shown', async () => {
    await say('Long');
    const { id } = chat.current;
    node.answer.begin().say('One');
    chat.open(null);
    node.answer.say(' two');
    frames.frame();
    chat.open(id);
    expect(seen()).toEqual(['Long', '[One two]']);
  });

  test('that another page has asked for is followed', async () => {
    await say('Long');
    node.answer.begin().say('One');
    const { id } = chat.current;
    chat = page();
    chat.open(id);
    await settled();
    expect(seen()).toEqual(['Long', 'One (Streaming)']);
    node.answer.say(' two').end();
    await frames.pass(1_000);
    expect(seen()).toEqual(['Long', 'One two']);
  });
});

describe('a conversation', () => {
  test('goes on from an edit, and the earlier words stay', async () => {
    await talk('One', 'first');
    await talk('Two', 'second');
    const [, , user] = chat.current.branch(chat.current.main);
    chat.current.edit(chat.current.main, user as never, 'Zwei');
    node.answer.begin().say('zweitens').end();
    expect(seen()).toEqual(['One', 'first', 'Zwei', 'zweitens']);
    chat.current.show(chat.current.main, user!.id);
    expect(seen()).toEqual(['One', 'first', 'Two', 'second']);
  });

  test('is answered by two models side by side, each on its own branch, until one is kept', async () => {
    await talk('One', 'first');
    chat.current.compare('large');
    const [left, right] = chat.current.lanes as [Lane, Lane];
    await say('Two');
    node.answers.at(-1)!.begin().say('left');
    await settled();
    node.answers.at(-1)!.begin().say('right').end();
    node.answers.at(-2)!.end();
    await settled();
    expect(node.answers.slice(-2).map(({ params }) => [params.target, params.text])).toEqual([
      ['small', 'Two'],
      ['large', undefined],
    ]);
    expect([seen(left), seen(right)]).toEqual([
      ['One', 'first', 'Two', 'left'],
      ['One', 'first', 'Two', 'right'],
    ]);
    await say('Three');
    node.answers.at(-1)!.begin().say('R').end();
    node.answers.at(-2)!.begin().say('L').end();
    expect([seen(left).slice(3), seen(right).slice(3)]).toEqual([
      ['left', 'Three', 'L'],
      ['right', 'Three', 'R'],
    ]);
    chat.current.keep(right);
    expect(seen()).toEqual(['One', 'first', 'Two', 'right', 'Three', 'R']);
    expect(chat.current.lanes.length).toBe(1);
  });

  test('can be deleted and brought back', async () => {
    await talk('One', 'first');
    const id = chat.current.id!;
    const undo = await chat.remove(id);
    expect([chat.current.id, chat.list.hits.length]).toEqual([null, 0]);
    await undo();
    expect(chat.list.hits.map((hit) => hit.id)).toEqual([id]);
  });

  test('that is gone says so', async () => {
    chat.open('gone');
    await settled();
    expect(chat.current.loading).toBe('Gone');
  });

  test('says why a change was not taken, and shows what the node keeps', async () => {
    await talk('One', 'Yes.');
    const { current } = chat;
    const id = current.id!;
    node.down = 'The node does not answer.';
    chat.useTarget('large');
    await current.rename('Renamed');
    await current.setSettings({ temperature: 2 });
    chat.open(null);
    await chat.rename(id, 'Renamed');
    expect(failures).toEqual(Array.from({ length: 4 }, () => 'The node does not answer.'));
    node.down = null;
    chat.open(id);
    await settled();
    expect([chat.current.title, chat.current.settings, chat.current.main.target]).toEqual([
      'One',
      {},
      'small',
    ]);
  });

  test('ends the answers of one that is removed, also where another is shown', async () => {
    await say('One');
    node.answer.begin().say('Ye');
    await settled();
    const id = chat.current.id!;
    chat.open(null);
    expect(chat.isBusy(id)).toBe(true);
    await chat.remove(id);
    expect(chat.isBusy(id)).toBe(false);
  });

  test('is not looked at again and again once it was left, also where its answer came late', async () => {
    await say('One');
    node.answer.begin();
    await settled();
    const id = chat.current.id!;
    const other = page();
    other.open(id);
    other.open(null);
    await settled();
    const asked = node.asked('conversation');
    await frames.pass(5_000);
    expect(node.asked('conversation')).toBe(asked);
  });

  test('keeps its draft while others are looked at', async () => {
    await talk('One', 'first');
    const { id } = chat.current;
    chat.type('half a thou');
    chat.open(null);
    expect(chat.draft.text).toBe('');
    chat.open(id);
    expect(chat.draft.text).toBe('half a thou');
  });
});

describe('the list', () => {
  test('shows what was searched for last, asked for once typing rests', async () => {
    await talk('Apples', 'a');
    chat.open(null);
    await talk('Pears', 'p');
    chat.list.look('app');
    chat.list.look('pea');
    expect(chat.list.loaded).toBe(false);
    await frames.pass(200);
    expect(chat.list.hits.map(({ title }) => title)).toEqual(['Pears']);
  });
});

describe('a title', () => {
  const rows: readonly (readonly [text: string, title: string])[] = [
    ['Hello', 'Hello'],
    ['\n  Why is   the sky blue?\nSecond line', 'Why is the sky blue?'],
    ['x'.repeat(80), `${'x'.repeat(59)}…`],
    ['## What is **this** `code`?', 'What is this code?'],
    ['File "a.txt":\n```txt\nA\n```\n\nWhy?', 'Why?'],
    ['File "a.txt":\n```txt\nA\n```\n\n', 'a.txt'],
    [' ', ''],
  ];
  for (const [text, title] of rows)
    test(`of ${JSON.stringify(text)}`, () => expect(titleOf(text)).toBe(title));
});
