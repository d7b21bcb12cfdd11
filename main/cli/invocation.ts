import type { commandHelp } from './help.ts';

export interface Common {
  readonly host: string;
  readonly port: number;
  readonly json: boolean;
}

/** What was asked for, checked as far as this program can. */
export type Invocation =
  | { readonly type: 'help'; readonly of: keyof typeof commandHelp | null }
  | { readonly type: 'version' }
  | (Common & CreateOptions & { readonly type: 'create' })
  | (Common & UpdateOptions & { readonly type: 'update'; readonly id: string })
  | (Common & PreviewOptions & { readonly type: 'preview' })
  | (Common & PlaceInstanceOptions & { readonly type: 'place' })
  | (Common & { readonly type: 'ls' })
  | (Common & { readonly type: 'instances' })
  | (Common & { readonly type: 'tasks' })
  | (Common & { readonly type: 'status' })
  | (Common & { readonly type: 'rm'; readonly id: string })
  | (Common & { readonly type: 'retry' | 'pause' | 'resume'; readonly id: string })
  | (Common & { readonly type: 'stop'; readonly id: string })
  | (Common & { readonly type: 'cancel'; readonly id: string })
  | (Common & ChatOptions & { readonly type: 'chat' })
  | (Common & { readonly type: 'nodes' })
  | (Common & { readonly type: 'leave' })
  | (Common & { readonly type: 'doctor' })
  | (Common & { readonly type: 'pair'; /** Until the code is used or gone. */ readonly wait: boolean })
  | (Common & { readonly type: 'join'; readonly code: string; readonly peer: string | undefined })
  | (Common & { readonly type: 'remove'; readonly node: string })
  | (SimulateOptions & { readonly type: 'simulate' });

/** What is to run, and where it may. */
export interface PlaceOptions {
  readonly model: string;
  readonly sharding: string | undefined;
  readonly interconnect: string | undefined;
  readonly minNodes: number | undefined;
  readonly maxNodes: number | undefined;
  readonly nodes: readonly string[];
  readonly placement: string | undefined;
  readonly context: number | undefined;
}

/** Without a model, of the MetaInstance whose edit is previewed. */
export interface PreviewOptions extends Omit<PlaceOptions, 'model'> {
  readonly model: string | undefined;
  readonly update: string | undefined;
  readonly priority: number | undefined;
  readonly preempt: boolean;
}

/** An Instance by itself: of a model, or placed by hand as a file says. */
export type PlaceInstanceOptions = (PlaceOptions & { readonly file?: undefined }) | { readonly file: string };

export interface CreateOptions extends PlaceOptions {
  readonly name: string | undefined;
  readonly priority: number | undefined;
  readonly preempt: boolean;
  readonly idleUnload: number | undefined;
  readonly wait: boolean;
  readonly timeoutMs: number;
}

/** Undefined = stays as it is; null = taken away. */
export interface UpdateOptions {
  readonly model: string | undefined;
  readonly sharding: string | undefined;
  readonly interconnect: string | undefined;
  readonly minNodes: number | undefined;
  readonly maxNodes: number | null | undefined;
  readonly nodes: readonly string[] | undefined;
  readonly placement: string | undefined;
  readonly context: number | null | undefined;
  readonly priority: number | undefined;
  readonly preempt: boolean | undefined;
  readonly idleUnload: number | null | undefined;
}

export interface ChatOptions {
  readonly prompt: string | undefined;
  readonly model: string | undefined;
  readonly system: string | undefined;
  readonly maxTokens: number | undefined;
  readonly temperature: number | undefined;
  readonly seed: number | undefined;
}

/** Of a file, or of random lives when it is undefined. */
export interface SimulateOptions {
  readonly file: string | undefined;
  /** In place of the file's own; without a file, the one life to play in full. */
  readonly seed: number | undefined;
  readonly seeds: { readonly first: number; readonly last: number } | undefined;
  readonly nodes: { readonly least: number; readonly most: number };
  readonly json: boolean;
  /** The scenario of that seed in place of playing it. */
  readonly print: boolean;
  /** The JSON Schema of scenario files. */
  readonly schema: boolean;
}
