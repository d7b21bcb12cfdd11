import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply } from '../../main/core/apply/index.ts';
import { IPC_PROTOCOL, MAX_OPEN, type IpcConnection } from '../../main/core/contract/ipc-wire.ts';
import type { ChatItem, Conversation, ConversationId } from '../../main/core/contract/ipc-conversation.ts';
import type { StreamItem } from '../../main/core/contract/ipc.ts';
import { MetaInstanceId, ModelId, TaskId } from '../../main/core/id.ts';
import { MetaInstanceSpec } from '../../main/core/meta-instance.ts';
import { phaseLabel } from '../../main/core/phase.ts';
import type { ClusterState } from '../../main/core/state.ts';
import type { IpcRequestError } from '../../renderer/lib/ipc-client.ts';
import { IpcClient } from '../../renderer/lib/ipc-client.ts';
import { MODEL } from '../support/e2e-node.ts';
import { until } from '../support/e2e-until.ts';

/** A node with the real model whose pages talk over the carrier under test. */
export interface IpcCarrier {
  connect(): Promise<IpcConnection>;
  stop(): Promise<void>;
}

const name = MetaInstanceId.parse('talker');
const spec = MetaInstanceSpec.parse({ modelId: ModelId.parse(MODEL) });
const question = 'What is the capital of France? Answer in one short sentence.';

/** What every carrier of the contract owes a page. */
export function describeIpc(carrierName: string, start: () => Promise<IpcCarrier>): void {
  describe(`the contract over ${carrierName}`, () => {
    let carrier: IpcCarrier;
    let client: IpcClient;
    const open: IpcClient[] = [];

    const another = async (): Promise<IpcClient> => {
      const made = new IpcClient(await carrier.connect());
      open.push(made);
      return made;
    };

    beforeAll(async () => {
      carrier = await start();
      client = await another();
      await client.call('ask', { type: 'Create', metaInstanceId: name, spec });
      for await (const state of folded(client)) if (phaseOf(state) === 'READY') break;
    });
    afterAll(async () => {
      for (const each of open) each.close();
      await carrier.stop();
    });

    const newConversation = async (settings = {}): Promise<ConversationId> =>
      (
        await client.call('createConversation', {
          target: MODEL,
          settings: { temperature: 0, maxTokens: 200, ...settings },
        })
      ).id;

    const said = async (
      conversationId: ConversationId,
      text: string,
      signal?: AbortSignal,
    ): Promise<{ items: ChatItem[]; text: string }> => {
      const items: ChatItem[] = [];
      const params = { conversationId, target: MODEL, parentId: null, text };
      for await (const item of client.open('chat', params, signal && { signal })) items.push(item);
      return { items, text: items.map((item) => (item.type === 'Text' ? item.text : '')).join('') };
    };

    it('given a page, it is told which node it talks to', async () => {
      expect(await client.hello()).toMatchObject({ protocol: IPC_PROTOCOL, version: expect.any(String) });
    });

    it('given events after the snapshot, folding them gives the state a later snapshot has', async () => {
      const folds = folded(client);
      await folds.next();
      await client.call('ask', { type: 'Pause', metaInstanceId: MetaInstanceId.parse('talker') });
      await client.call('ask', { type: 'Resume', metaInstanceId: MetaInstanceId.parse('talker') });
      let mine: ClusterState | undefined;
      for await (const state of folds) {
        mine = state;
        if (phaseOf(state) === 'READY') break;
      }
      const fresh = await firstOf(client.open('state', {}));
      expect(fresh).toMatchObject({ type: 'Snapshot' });
      if (fresh.type === 'Snapshot' && fresh.state.lastIndex === mine?.lastIndex) {
        expect(mine).toEqual(fresh.state);
      }
    });

    it('given telemetry, it names the master and the memory of this node', async () => {
      const { nodeId } = await client.hello();
      const seen = await firstOf(client.open('telemetry', {}));
      expect(seen).toMatchObject({ master: nodeId, away: [] });
      expect(seen.nodes[nodeId]?.totalBytes).toBeGreaterThan(0);
    });

    it('given a question, the answer streams, ends with figures, and is kept', async () => {
      const id = await newConversation();
      const { items, text } = await said(id, question);
      expect(items[0]).toMatchObject({ type: 'Begun', user: { content: question } });
      expect(text).toContain('Paris');
      expect(items.at(-1)).toMatchObject({
        type: 'Ended',
        answer: { content: text, state: { type: 'Complete', finish: 'Stop' } },
      });
      const kept = await client.call('conversation', { conversationId: id });
      expect(kept.messages.map(({ content }) => content)).toEqual([question, text]);
      expect(answersOf(kept)[0]?.stats).toMatchObject({
        completionTokens: expect.any(Number),
        firstTokenMs: expect.any(Number),
      });
    });

    it('given a page that stops an answer, it ends at once, keeps what was said, and leaves no task', async () => {
      const id = await newConversation();
      const abort = new AbortController();
      const params = { conversationId: id, target: MODEL, parentId: null, text: 'Count to a thousand.' };
      let heard = '';
      for await (const item of client.open('chat', params, { signal: abort.signal })) {
        if (item.type === 'Text') heard += item.text;
        if (heard.length > 20) abort.abort();
      }
      await until(
        'the answer is kept as stopped',
        async () => {
          const kept = answersOf(await client.call('conversation', { conversationId: id }))[0];
          return kept?.state.type === 'Stopped' && kept.content.startsWith(heard.slice(0, 20));
        },
        5_000,
      );
      for await (const state of folded(client)) if (Object.keys(state.tasks).length === 0) break;
    });

    it('given another answer to the same message, both are kept as branches', async () => {
      const id = await newConversation({ temperature: 1 });
      await said(id, 'Say a word.');
      const [asked] = (await client.call('conversation', { conversationId: id })).messages;
      const params = { conversationId: id, target: MODEL, parentId: asked?.id ?? null };
      for await (const item of client.open('chat', params)) if (item.type === 'Ended') break;
      const kept = await client.call('conversation', { conversationId: id });
      expect(answersOf(kept).map(({ parentId }) => parentId)).toEqual([asked?.id, asked?.id]);
    });

    it('given conversations, they are found, renamed, exported, deleted and restored', async () => {
      const id = await newConversation();
      await said(id, 'Where do xylophones come from?');
      await client.call('changeConversation', { conversationId: id, title: 'Music' });
      const found = await client.call('conversations', { search: 'XYLOPHONES come', limit: 10 });
      expect(found).toMatchObject({
        total: 1,
        conversations: [{ id, title: 'Music', snippet: expect.stringContaining('xylophones') }],
      });
      const { fileName, text } = await client.call('exportConversation', {
        conversationId: id,
        format: 'Markdown',
      });
      expect(fileName).toBe('Music.md');
      expect(text).toMatch(/^# Music\n\n## You\n\nWhere do xylophones/);
      await client.call('deleteConversation', { conversationId: id });
      await expect(client.call('conversation', { conversationId: id })).rejects.toMatchObject({
        code: 'NotFound',
      });
      await client.call('restoreConversation', { conversationId: id });
      expect((await client.call('conversation', { conversationId: id })).title).toBe('Music');
    });

    it('given a place to look for, it comes with its prediction; given none, with the reason', async () => {
      const place = await client.call('candidates', { spec });
      expect(place.candidates[0]?.prediction.nodes).toHaveLength(1);
      const none = await client.call('candidates', { spec: { ...spec, minNodes: 3 } });
      expect(none).toMatchObject({ candidates: [], error: expect.any(String) });
    });

    it('given a scenario, it plays to its end without a violation', async () => {
      const frames: StreamItem<'simulate'>[] = [];
      for await (const frame of client.open('simulate', { type: 'Named', name: 'one-node' }))
        frames.push(frame);
      expect(frames[0]).toMatchObject({ type: 'Began' });
      expect(frames.at(-1)).toMatchObject({ type: 'Ended', violations: [] });
      expect(frames.length).toBeGreaterThan(5);
    });

    it.each<[string, () => Promise<unknown>, Partial<IpcRequestError>]>([
      [
        'a model nobody knows',
        () => client.call('previews', { modelId: ModelId.parse('nobody/knows') }),
        { code: 'NotFound', param: 'model_id' },
      ],
      [
        'a name that is taken',
        () => client.call('ask', { type: 'Create', metaInstanceId: name, spec }),
        { code: 'Refused' },
      ],
      [
        'a task that is not there',
        () => client.call('ask', { type: 'CancelTask', taskId: TaskId.parse('none') }),
        { code: 'NotFound' },
      ],
      [
        'parameters that are not valid',
        () => client.call('events', { after: -1, limit: 0 }),
        { code: 'BadRequest', param: 'after' },
      ],
      [
        'a method that is not there',
        () => client.call('nothing' as 'hello', { protocol: 1 }),
        { code: 'BadRequest' },
      ],
    ])('given %s, the call is refused by name and the next one works', async (_name, call, expected) => {
      await expect(call()).rejects.toMatchObject(expected);
      await expect(client.hello()).resolves.toBeDefined();
    });

    it('given a reader that takes one item, no second one comes before it is asked for', async () => {
      const connection = await carrier.connect();
      const items: string[] = [];
      connection.onMessage = (text) => items.push(text);
      connection.send(
        JSON.stringify({
          type: 'Open',
          id: 1,
          stream: 'simulate',
          params: { type: 'Named', name: 'one-node' },
          credit: 1,
        }),
      );
      await until('the first item', () => items.length === 1, 5_000);
      connection.send(JSON.stringify({ type: 'Call', id: 2, method: 'hello', params: { protocol: 1 } }));
      await until('the answer', () => items.length === 2, 5_000);
      expect(JSON.parse(items[1] ?? '')).toMatchObject({ type: 'Value', id: 2 });
      connection.send(JSON.stringify({ type: 'Credit', id: 1, items: 1 }));
      await until('the second item', () => items.length === 3, 5_000);
      connection.close('done');
    });

    it.each([
      ['no JSON', 'x'],
      ['a frame nobody knows', '{"type":"Shout","id":1}'],
      ['a number that is none', '{"type":"Cancel","id":0}'],
    ])('given %s, that connection ends with a reason and others go on', async (_name, text) => {
      const connection = await carrier.connect();
      const ended = new Promise<string>((resolve) => (connection.onClose = resolve));
      connection.send(text);
      expect(await ended).not.toBe('');
      await expect(client.hello()).resolves.toBeDefined();
    });

    it('given more streams than the bound, the next is refused and the others stay', async () => {
      const crowd = await another();
      const streams = Array.from({ length: MAX_OPEN }, () => crowd.open('telemetry', {}));
      await Promise.all(streams.map((stream) => stream.next()));
      await expect(crowd.open('telemetry', {}).next()).rejects.toMatchObject({ code: 'TooMany' });
      await streams[0]?.return();
      await until(
        'there is room again',
        () =>
          crowd.hello().then(
            () => true,
            () => false,
          ),
        5_000,
      );
      crowd.close();
    });

    it('given a connection that closes, what was open ends with a reason', async () => {
      const leaving = await another();
      const stream = leaving.open('state', {});
      await stream.next();
      const next = stream.next();
      leaving.close();
      await expect(next).rejects.toMatchObject({ code: 'Unavailable' });
      await expect(leaving.hello()).rejects.toMatchObject({ code: 'Unavailable' });
    });
  });
}

/** The cluster state as a page folds it. */
async function* folded(client: IpcClient): AsyncGenerator<ClusterState> {
  let state: ClusterState | undefined;
  for await (const item of client.open('state', {})) {
    if (item.type === 'Snapshot') state = item.state;
    else if (state !== undefined) state = apply(state, item.entry);
    if (state !== undefined) yield state;
  }
}

async function firstOf<Item>(items: AsyncIterable<Item>): Promise<Item> {
  for await (const item of items) return item;
  throw new Error('the stream ended without an item');
}

const phaseOf = (state: ClusterState): string => {
  const metaInstance = state.metaInstances[name];
  return metaInstance === undefined ? 'none' : phaseLabel(state, metaInstance);
};

const answersOf = ({ messages }: Conversation) =>
  messages.flatMap((message) => (message.role === 'assistant' ? [message] : []));
