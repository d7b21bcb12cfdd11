import { loadAddon } from '../../../native/index.ts';
import type {
  GenerateOptions,
  GroupOptions,
  LoadedModel,
  LoadOptions,
  StepOutput,
} from '../../../native/addon.d.ts';

/** What a test asks of a rank's process, and what it gets back; carried by the process's own channel. */
export type RankCall =
  | { readonly type: 'Listen'; readonly host: string }
  | { readonly type: 'Connect'; readonly options: GroupOptions }
  | { readonly type: 'Load'; readonly options: LoadOptions }
  | { readonly type: 'Submit'; readonly options: GenerateOptions }
  | { readonly type: 'Cancel'; readonly task: number }
  | { readonly type: 'Abort'; readonly reason: string }
  | { readonly type: 'Heartbeat' }
  | { readonly type: 'Close' };

export type RankReply =
  | { readonly type: 'Done'; readonly call: number; readonly value: unknown }
  | { readonly type: 'Failed'; readonly call: number; readonly code: unknown; readonly message: string }
  | { readonly type: 'Steps'; readonly batch: readonly StepOutput[] }
  | { readonly type: 'Layer'; readonly done: number }
  | { readonly type: 'Lost'; readonly reason: string };

const say = (reply: RankReply): void => {
  process.send?.(reply);
};

const engine = loadAddon().createEngine((batch) => say({ type: 'Steps', batch }));

function answer(call: RankCall): unknown {
  switch (call.type) {
    case 'Listen':
      return engine.listen(call.host);
    case 'Connect':
      return engine.connect(call.options, (reason) => say({ type: 'Lost', reason }));
    case 'Load':
      return engine.load(call.options, (done): void =>
        say({ type: 'Layer', done }),
      ) satisfies Promise<LoadedModel>;
    case 'Submit':
      return engine.submit(call.options);
    case 'Cancel':
      return engine.cancel(call.task);
    case 'Abort':
      return engine.abortGroup(call.reason);
    case 'Heartbeat':
      return engine.heartbeat();
    case 'Close':
      return engine.close();
  }
}

process.on('message', ({ number, call }: { number: number; call: RankCall }) => {
  void (async () => {
    try {
      say({ type: 'Done', call: number, value: await answer(call) });
    } catch (error) {
      const { code, message } = error as Error & { code?: unknown };
      say({ type: 'Failed', call: number, code, message });
    }
  })();
});
