/**
 * The complete typed seam to the native addon (`native/src/addon.cpp`).
 * Only `native/index.ts` loads the binary; everyone else sees these types.
 * Sizes are bytes, times milliseconds, token ids non-negative integers below the vocabulary size.
 */

/** What this build of the addon can do on this machine. Constant for the life of the process. */
export interface AddonFeatures {
  readonly mlxVersion: string;
  /** `gpu` = Metal; `cpu` = Linux. */
  readonly device: 'cpu' | 'gpu';
  /** Which quantised matmul runs: MLX's own (GPU) or one of ours, chosen by CPU feature at load time.
   *  `SKEIN_CPU_KERNEL=portable|avx2` forces one that the CPU supports.
   *  (`SKEIN_ATTENTION=mlx` makes a CPU use MLX's attention, as a GPU does: for tests.) */
  readonly kernel: 'mlx' | 'avx2' | 'portable';
  /** Threads the CPU kernel uses (1 on the GPU). `SKEIN_CPU_THREADS` overrides, 1 to 64. */
  readonly threads: number;
  /** False where MLX has no RDMA backend (`no_jaccl.cpp`). */
  readonly jaccl: boolean;
}

/** A metadata value of a GGUF header. 64-bit integers become numbers when safe, else bigint. */
export type GgufValue = number | bigint | boolean | string | readonly GgufValue[];

export interface GgufTensor {
  readonly name: string;
  /** GGML type name, e.g. `Q4_1`; unknown numbers read as `type 99`. */
  readonly type: string;
  /** Row-major shape, slowest dimension first (rows, columns). */
  readonly shape: readonly number[];
  /** 0 when the type's number is unknown. */
  readonly bytes: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly metadata: Readonly<Record<string, GgufValue>>;
  readonly tensors: readonly GgufTensor[];
}

export interface EngineLimits {
  /** Tasks decoded together in one step, 1 to 64. */
  readonly maxTasks: number;
  /** Tasks waiting behind them, 0 to 10000; `submit` throws `QueueFull` beyond. */
  readonly maxQueued: number;
  /** Longest context of one task in tokens (prompt + generated); never above the model's own. */
  readonly contextTokens: number;
  /** Prompt tokens handled per step for all prefilling tasks together, 1 to 4096; the tasks take turns. */
  readonly prefillChunk: number;
  /**
   * Bound on the KV memory of all tasks together, at least one block of 64 tokens. A prompt that can never fit is refused,
   * one that does not fit now waits. When growing answers have used it up, the youngest task gives its memory back and
   * waits; later its context is computed anew and it goes on where it was, saying nothing twice. What no task needs keeps
   * whole blocks of tasks that have ended, those used longest ago giving way: a prompt that begins as one of them did
   * starts behind what is kept (`StepOutput.cached`).
   */
  readonly kvBytes: number;
}

/** Slice `rank` of `size` (2 to 64), by the rank in the group; the head counts of the model divide by `size`. */
export interface TensorSlice {
  readonly rank: number;
  readonly size: number;
}

/** How a rank joins the group of one attempt, over TCP. */
export interface GroupOptions {
  readonly rank: number;
  /** `ip:port` or `[ip6%scope]:port` of every rank by rank, 2 to 64. This one listens at its own, unless `listen` was called. */
  readonly addresses: readonly string[];
  /** 16 bytes, fresh for each attempt: who does not know them is refused. */
  readonly secret: Uint8Array;
  /** All ranks join within this time. */
  readonly joinMs: number;
  /** A rank that says nothing for as long is lost, 50 or more; a slow one that computes is not. */
  readonly silenceMs: number;
}

/**
 * How a rank joins over RDMA, where `features.jaccl`; elsewhere `connect` rejects with `BadArgument`. MLX reads from the
 * environment which devices lead to which rank. Such a group knows no deadline: a lost rank may leave the others waiting
 * in the engine thread for ever, `abortGroup` reaches this rank alone, and who watches from outside must end the process.
 */
export interface RdmaGroupOptions {
  readonly sideChannel: SideChannelOptions;
}

export interface LoadOptions {
  readonly path: string;
  /** First layer of this shard, inclusive. Layer 0 brings the token embedding. */
  readonly firstLayer: number;
  /** End of this shard, exclusive. The last layer brings the output norm and head. */
  readonly lastLayer: number;
  /** A slice of heads and of the feed-forward network of these layers, which must be all; absent = whole layers. */
  readonly tensor?: TensorSlice;
  readonly limits: EngineLimits;
}

export interface LoadedModel {
  readonly architecture: string;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabularySize: number;
  /** Context length after limits: of the model, of `contextTokens`, and of what `kvBytes` can hold. */
  readonly contextTokens: number;
  /** Memory held by the weights of this shard. */
  readonly weightBytes: number;
  readonly kvBytesPerToken: number;
}

/** Two named pipes between a rank and its node, over which ranks meet before RDMA works. */
export interface SideChannelOptions {
  readonly rank: number;
  /** Of the group, 2 to 64. */
  readonly size: number;
  /** Path of the pipe that the rank writes. */
  readonly up: string;
  /** Path of the pipe that the rank reads. */
  readonly down: string;
  /** The node has opened its ends within this time. */
  readonly openMs: number;
  /** One round takes no longer. */
  readonly roundMs: number;
}

/**
 * The very all-gather that MLX's RDMA back end calls to come up (`native/src/side_channel.h`). Test and bench seam: every
 * call blocks this thread, as it blocks the engine's there. Errors are those of `NativeEngine`.
 */
export interface NativeSideChannel {
  /** Everybody's bytes by rank; all ranks give equally many, 1 byte to 4 MiB. Throws `GroupLost` and says why. */
  allGather(mine: Uint8Array): Uint8Array;
  /** May be called twice. */
  close(): void;
}

/** All fields are required: defaults belong to the callers. */
export interface Sampling {
  /** 0 = greedy. */
  readonly temperature: number;
  /** (0, 1], 1 = off. */
  readonly topP: number;
  /** 0 = off. */
  readonly topK: number;
  /** [0, 1), 0 = off. */
  readonly minP: number;
  /** > 0, 1 = off; applied over the last `penaltyWindow` tokens of prompt and answer. */
  readonly repetitionPenalty: number;
  /** -2 to 2, 0 = off; over generated tokens, as OpenAI defines it. */
  readonly presencePenalty: number;
  /** -2 to 2, 0 = off; over generated tokens, as OpenAI defines it. */
  readonly frequencyPenalty: number;
  readonly penaltyWindow: number;
  /**
   * The same seed, prompt and sampling give the same tokens, whatever else runs: on the CPU to the last bit when as much
   * of the prompt was reused (`StepOutput.cached`), from tasks that computed it alike. What an answer's steps computed one
   * by one and what a prompt's pieces compute together differ in rounding; so does the context of a task that had to give
   * its KV memory back on the way (`kvBytes`). Where two tokens are all but equally likely, that may part two answers.
   */
  readonly seed: bigint;
}

export interface GenerateOptions {
  readonly prompt: Int32Array;
  /** 1 or more; the answer also ends, with `length`, where the context is full. */
  readonly maxTokens: number;
  /** Tokens that end the answer; they are reported by `finish`, not as text. */
  readonly endTokens: Int32Array;
  readonly sampling: Sampling;
  /** Alternatives reported per token, 0 to 20; -1 = no logprobs at all. */
  readonly topLogprobs: number;
}

/** Why a task ended. `failed` carries the message of what the engine threw. */
export type Finish = 'stop' | 'length' | 'cancelled' | 'failed';

/** One task's outcome of one step; a batch holds those of all tasks of that step, in step order. */
export interface StepOutput {
  readonly task: number;
  /** The sampled token; absent when the step only prefilled or the task ended without one. */
  readonly token?: number;
  /** Natural log of the token's probability before sampling modifies it (only when asked for). */
  readonly logprob?: number;
  readonly topLogprobs?: ReadonlyArray<{ readonly token: number; readonly logprob: number }>;
  /** Prompt tokens processed so far, reused ones included; only rises. */
  readonly prefilled?: number;
  /** With the task's first output: tokens that it began behind, because their keys and values were kept. Absent: none. */
  readonly cached?: number;
  readonly finish?: Finish;
  readonly error?: string;
}

/** Readable at any time from the JS thread, also while the engine thread is busy or stuck. Lock-free. */
export interface EngineHeartbeat {
  /** Rises with every piece of a tensor loaded (a few MiB), layer evaluated and idle wake-up (at least each 250 ms). */
  readonly beats: number;
  readonly phase: 'idle' | 'loading' | 'stepping' | 'closing' | 'closed' | 'failed';
  readonly activeTasks: number;
  readonly queuedTasks: number;
  readonly weightBytes: number;
  readonly kvBytes: number;
  /** Keys and values kept of tasks that have ended, beside `kvBytes`; they give way to tasks. */
  readonly prefixBytes: number;
  /** Allocator figures of MLX. */
  readonly activeBytes: number;
  readonly peakBytes: number;
  readonly cacheBytes: number;
}

/**
 * One engine = one native thread that owns every MLX object. Methods may be called from the JS thread only.
 * Errors are `Error`s whose `code` is one of: `NotLoaded`, `AlreadyLoaded`, `BadModel`, `UnsupportedTensorType`,
 * `UnsupportedArchitecture`, `OutOfMemory`, `QueueFull`, `PromptTooLong`, `BadArgument`, `Closed`,
 * `GroupLost`.
 */
export interface NativeEngine {
  /**
   * Listens at a free port of this numeric address (`0.0.0.0` and `::` are all of them) and returns the port: others may
   * connect from now on. The next `connect` uses the socket up, whether it succeeds or not; another `listen` replaces it,
   * `close` closes it. Throws `BadArgument` for what is no address, `GroupLost` for one that is not of this machine, `Closed`.
   */
  listen(host: string): number;
  /**
   * Joins the other ranks; the next `load` then resolves when all ranks have loaded and fit together. Rank 0 takes the
   * generations. `onLost` is called at most once, on every rank, when one is gone, silent or has failed: all tasks have
   * ended with `failed`, the weights stay, and `connect` and `load` of the same shard go on without reading it again.
   * Rejects with `GroupLost` when a rank does not join in time, `BadArgument` or `AlreadyLoaded` out of turn.
   */
  connect(options: GroupOptions | RdmaGroupOptions, onLost: (reason: string) => void): Promise<void>;
  /** Ends the group on all ranks, also while joining it. Without a group: no effect. */
  abortGroup(reason: string): void;
  /** Resolves when the shard's weights are evaluated in memory. `onLayer` gets (layers done, layers of this shard). */
  load(options: LoadOptions, onLayer: (done: number, total: number) => void): Promise<LoadedModel>;
  /** Queues a generation and returns its task number (never reused). Outputs arrive at the listener. */
  submit(options: GenerateOptions): number;
  /** Seen within one layer. A task that ended or never was: no effect. The task still ends with `finish: 'cancelled'`. */
  cancel(task: number): void;
  /** Test and bench seam. Layer 0 in the shard: input token ids [T]; else hidden states [T × hiddenSize].
   *  Last layer in the shard: returns fp32 logits of the last position [vocabulary]; else hidden states [T × hiddenSize]. */
  evaluate(input: Int32Array | Float32Array): Promise<Float32Array>;
  heartbeat(): EngineHeartbeat;
  /** Cancels everything, frees the weights, ends the thread. May be called twice, and before `load`. */
  close(): Promise<void>;
}

export interface NativeAddon {
  readonly features: AddonFeatures;
  /** Small computation through MLX, our kernels and the BLAS, compared with known numbers. Throws on a mismatch. */
  selfTest(): void;
  /** Reads and bounds-checks the header only. Throws `BadModel` with what is wrong and at which offset. */
  readGguf(path: string): GgufHeader;
  /** Throws `GroupLost` when the node does not open its ends in time. */
  openSideChannel(options: SideChannelOptions): NativeSideChannel;
  /** `onSteps` gets one batch per engine step. Keeps the event loop alive only while loading or generating. */
  createEngine(onSteps: (batch: readonly StepOutput[]) => void): NativeEngine;
}
