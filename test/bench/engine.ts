import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineJob, EngineResult } from './engine-job.ts';
import { measureEngine } from './engine-process.ts';
import { atLeast, figureOf, median, type Aim, type Figure } from './figure.ts';
import { places, type BenchInit } from './places.ts';
import { starterJob } from './starter.ts';

const PROMPT_TOKENS = 256;
const DECODE_TOKENS = 128;
/** In each process. */
const REPETITIONS = 3;
const STREAMS = 8;
/** Of a chat's first prompt: a few pages, as after some turns. */
const CHAT_TOKENS = 2048;

/**
 * Our engine and llama.cpp in turn, each time in a new process: the same file, the same prompt tokens, greedy, as many
 * threads as cores. Where llama.cpp is not installed, ours alone.
 */
export async function benchEngine({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  const job = starterJob({
    promptTokens: PROMPT_TOKENS,
    decodeTokens: DECODE_TOKENS,
    repetitions: REPETITIONS,
    streams: STREAMS,
    chatTokens: CHAT_TOKENS,
  });
  const hasPeer = existsSync(join(places.benchPeer, 'node_modules', 'node-llama-cpp'));
  const ours: EngineResult[] = [];
  const theirs: EngineResult[] = [];
  for (let run = 1; run <= runs; run += 1) {
    onStep(`prefill and decode, run ${run} of ${runs}: Skein`);
    ours.push(await measureEngine('skein', job));
    if (!hasPeer) continue;
    onStep(`prefill and decode, run ${run} of ${runs}: llama.cpp`);
    theirs.push(await measureEngine('llama', job));
  }
  return [
    ...throughput('Skein', ours, job, { prefill: atLeast(150), decode: atLeast(30) }),
    ...(hasPeer ? [...throughput('llama.cpp', theirs, job), ...comparison(ours, theirs, job)] : []),
    ...together(ours, job),
    ...followUps(ours),
  ];
}

/** Many chats at once, in the same processes as one alone. */
function together(results: readonly EngineResult[], job: EngineJob): readonly Figure[] {
  const all = results.map(({ streamsPerSecond }) => streamsPerSecond ?? NaN);
  const alone = decodeRates(results, job);
  const name = `decode of ${STREAMS} chats together`;
  return [
    figureOf(`${name}, Skein`, 'tok/s', all),
    figureOf(
      `${name} / one alone`,
      '×',
      all.map((rate, run) => rate / (alone[run] ?? NaN)),
      { aim: atLeast(3) },
    ),
  ];
}

function followUps(results: readonly EngineResult[]): readonly Figure[] {
  const of = (which: 'reused' | 'fresh'): number[] =>
    results.map(({ followUpMs }) => followUpMs?.[which] ?? NaN);
  const [reused, fresh] = [of('reused'), of('fresh')];
  const name = `first token of a follow-up after ${CHAT_TOKENS} tokens`;
  return [
    figureOf(`${name}, Skein`, 'ms', reused),
    figureOf(
      `${name}, all computed / reused`,
      '×',
      fresh.map((ms, run) => ms / (reused[run] ?? NaN)),
      { aim: atLeast(10) },
    ),
  ];
}

/** The kernel for processors without AVX2, for information. */
export async function benchPortable({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  const job = starterJob({ promptTokens: PROMPT_TOKENS, decodeTokens: DECODE_TOKENS, repetitions: 1 });
  const results: EngineResult[] = [];
  for (let run = 1; run <= runs; run += 1) {
    onStep(`portable kernel, run ${run} of ${runs}`);
    results.push(await measureEngine('skein', job, { SKEIN_CPU_KERNEL: 'portable' }));
  }
  return throughput('Skein, portable kernel', results, job);
}

function throughput(
  name: string,
  results: readonly EngineResult[],
  job: EngineJob,
  aims: { readonly prefill?: Aim; readonly decode?: Aim } = {},
): readonly Figure[] {
  const [first] = results;
  const note = first === undefined ? '' : `${first.engine}, ${first.threads} threads`;
  const about = (aim?: Aim) => (aim === undefined ? { note } : { note, aim });
  return [
    figureOf(
      `prefill of ${promptLength(job)} tokens, ${name}`,
      'tok/s',
      prefillRates(results, job),
      about(aims.prefill),
    ),
    figureOf(
      `decode of ${job.decodeTokens} tokens, ${name}`,
      'tok/s',
      decodeRates(results, job),
      about(aims.decode),
    ),
  ];
}

/** Ratios of runs that followed each other, so that a machine that slows down slows both. */
function comparison(
  ours: readonly EngineResult[],
  theirs: readonly EngineResult[],
  job: EngineJob,
): readonly Figure[] {
  const ratios = (mine: readonly number[], other: readonly number[]): number[] =>
    mine.map((rate, run) => rate / (other[run] ?? NaN));
  const note = 'median of the runs’ ratios';
  return [
    figureOf('prefill, Skein / llama.cpp', '×', ratios(prefillRates(ours, job), prefillRates(theirs, job)), {
      note,
    }),
    figureOf('decode, Skein / llama.cpp', '×', ratios(decodeRates(ours, job), decodeRates(theirs, job)), {
      note: `${note}; ${agreement(ours, theirs)}`,
    }),
  ];
}

/** Says how far both wrote the same: they round differently, so that a close call between two tokens may part them. */
function agreement([mine]: readonly EngineResult[], [other]: readonly EngineResult[]): string {
  const tokens = mine?.tokens ?? [];
  const parted = tokens.findIndex((token, index) => token !== other?.tokens[index]);
  return `the same tokens ${parted < 0 ? 'throughout' : `up to the ${parted}th`}`;
}

const promptLength = (job: EngineJob): number => job.prompts[0]?.length ?? 0;

/** Tokens per second of each run. */
const prefillRates = (results: readonly EngineResult[], job: EngineJob): number[] =>
  results.map(({ prefillMs }) => (promptLength(job) / median(prefillMs)) * 1000);

const decodeRates = (results: readonly EngineResult[], job: EngineJob): number[] =>
  results.map(({ decodeMs }) => (job.decodeTokens / median(decodeMs)) * 1000);
