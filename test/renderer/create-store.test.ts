import { describe, expect, test } from 'vitest';
import { MetaInstanceSpec, type MetaInstance } from '../../main/core/meta-instance.ts';
import { CreateStore } from '../../renderer/stores/create-store.ts';
import type { RootStore } from '../../renderer/stores/root-store.ts';
import { FakeClock } from '../support/fake-clock.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a model that is about to be asked for', () => {
  function setUp(existing: MetaInstance | null = null) {
    const clock = new FakeClock();
    const asked: { name: string; params: unknown }[] = [];
    const call = (name: string, params: unknown): Promise<unknown> => {
      asked.push({ name, params });
      return Promise.resolve(name === 'candidates' ? { candidates: [], error: 'no node has room' } : {});
    };
    const root = { call, models: { cards: [] } } as unknown as RootStore;
    const after = (delayMs: number, run: () => void) => clock.after(delayMs, run);
    const store = new CreateStore({ root, after }, { existing, modelId: 'm' });
    return { clock, store, asked };
  }

  test('given two clicks on the way, it is asked for once', async () => {
    const { store, asked } = setUp();
    const both = await Promise.all([store.submit(), store.submit()]);
    expect(both).toEqual([true, false]);
    expect(asked.filter(({ name }) => name === 'ask')).toHaveLength(1);
  });

  test('given a field that makes no sense, the places of an earlier draft are not shown for it', async () => {
    const { clock, store } = setUp();
    await settled();
    expect(store.candidates).not.toBeNull();
    store.change({ contextLength: 'a lot' });
    await clock.advance(200);
    expect([store.candidates, Object.keys(store.fields)]).toEqual([null, ['contextLength']]);
  });

  test('given an edit, what the page does not offer is part of what is looked for', async () => {
    const spec = MetaInstanceSpec.parse({ modelId: 'm', maxNodes: 3 });
    const { asked } = setUp({ metaInstanceId: 'tiny', spec } as MetaInstance);
    await settled();
    expect(asked[0]).toMatchObject({ name: 'candidates', params: { spec: { maxNodes: 3 } } });
  });
});
