import type {
  EngineHeartbeat,
  GenerateOptions,
  GgufValue,
  GroupOptions,
  LoadedModel,
  LoadOptions,
  RdmaGroupOptions,
  StepOutput,
} from '../../native/addon.d.ts';

/** What a runner needs of an engine: meanings and errors as `NativeEngine` of `native/addon.d.ts`. */
export interface Engine {
  /** Metadata of the model file's header: tokenizer and chat template. */
  readMetadata(path: string): Readonly<Record<string, GgufValue>>;
  listen(host: string): number;
  connect(options: GroupOptions | RdmaGroupOptions, onLost: (reason: string) => void): Promise<void>;
  abortGroup(reason: string): void;
  load(options: LoadOptions, onLayer: (done: number, total: number) => void): Promise<LoadedModel>;
  submit(options: GenerateOptions): number;
  cancel(task: number): void;
  heartbeat(): EngineHeartbeat;
  close(): Promise<void>;
}

/** Makes the one engine of a runner process; `onSteps` gets one batch per engine step. */
export type EngineFactory = (onSteps: (batch: readonly StepOutput[]) => void) => Engine;
