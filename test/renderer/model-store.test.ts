import { describe, expect, test } from 'vitest';
import { MAX_OPEN } from '../../main/core/contract/ipc-wire.ts';
import { ModelId } from '../../main/core/id.ts';
import { ModelCard } from '../../main/core/model-card.ts';
import type { ChatPort } from '../../renderer/stores/chat/port.ts';
import { FirstRunStore } from '../../renderer/stores/first-run-store.ts';
import { ModelStore } from '../../renderer/stores/model-store.ts';
import type { RootStore } from '../../renderer/stores/root-store.ts';
import { tinyCard } from '../support/fake-node.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A node that knows so many models and, as the real one, takes only so many calls at once. */
function setUp(count: number) {
  const cards = Array.from({ length: count }, (_, at) =>
    ModelCard.parse({ ...tinyCard, modelId: ModelId.parse(`m-${at}`), file: `m-${at}.gguf` }),
  );
  let open = 0;
  const call = async (name: string): Promise<unknown> => {
    open += 1;
    if (open > MAX_OPEN) throw new Error('Too many calls are open.');
    await settled();
    open -= 1;
    return name === 'models' ? { cards, local: [], folders: [] } : { candidates: [{}] };
  };
  const port = { call } as unknown as ChatPort;
  return { call, models: new ModelStore({ port }) };
}

describe('the models of a page', () => {
  test('given more models than calls that may be open, it is told of each whether it fits', async () => {
    const { models } = setUp(MAX_OPEN + 6);
    await models.refresh();
    await models.refreshFits();
    expect(models.fits.size).toBe(MAX_OPEN + 6);
  });

  test('given a first run that is faster than the list of models, it offers them all the same', async () => {
    const { call, models } = setUp(2);
    const store = new FirstRunStore({ models, call } as unknown as RootStore);
    await store.toModels();
    expect(store.offers.map(({ place }) => place?.candidates.length)).toEqual([1, 1]);
  });
});
