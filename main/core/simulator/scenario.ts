import { z } from 'zod';
import { ModelId } from '../id.ts';
import { Backend } from '../model-card.ts';
import { LinkKind } from '../topology.ts';
import { GiB, MiB, SECOND } from '../unit.ts';
import { NodeName, Step } from './step.ts';

/** A computer of the simulated cluster. */
export const NodeSpec = z.strictObject({
  id: NodeName,
  friendlyName: z.string().min(1).max(255).optional(),
  memoryGiB: z.number().positive().max(65_536),
  backends: z.array(Backend).min(1).optional(),
  /** Measured speed of decoding: GB of weights read per second. */
  decodeGBPerSecond: z.number().positive().optional(),
  /** How far its wall clock is off at the beginning. */
  clockSkewMs: z.number().default(0),
  /** Off until a step starts it. */
  off: z.boolean().default(false),
});
export type NodeSpec = z.infer<typeof NodeSpec>;

const Latency = z
  .tuple([z.number().min(0), z.number().min(0)])
  .refine(([least, most]) => least <= most, 'must be [least, most] in ms, one way');

const cable = {
  kind: LinkKind.default('Ethernet'),
  latencyMs: Latency.default([0.5, 2]),
  bytesPerSecond: z.number().positive().optional(),
};

/** A cable between two nodes. */
export const LinkSpec = z.strictObject({
  between: z.tuple([NodeName, NodeName]).refine(([a, b]) => a !== b, 'joins a node with itself'),
  ...cable,
  /** RDMA device of each end toward the other; absent = no RDMA. */
  rdmaDevices: z.tuple([z.string(), z.string()]).optional(),
});
export type LinkSpec = z.infer<typeof LinkSpec>;

/** A model as far as placement and time depend on it. */
export const ModelSpec = z.strictObject({
  id: ModelId,
  layers: z.int().min(1).max(1024),
  weightGiB: z.number().positive(),
  /** Absent = as much as the weights. */
  fileGiB: z.number().positive().optional(),
  hiddenSize: z.int().min(1).default(2048),
  heads: z.int().min(1).default(16),
  kvHeads: z.int().min(1).default(8),
  kvBytesPerToken: z.int().positive().default(65_536),
  contextLength: z.int().min(1).default(4096),
  tensor: z.boolean().default(false),
  backends: z.array(Backend).min(1).optional(),
  /** How long a node looks for its card before it can ask for the model. */
  cardDelayMs: z.number().min(0).default(0),
});
export type ModelSpec = z.infer<typeof ModelSpec>;

/** How long things take. */
export const Timings = z.strictObject({
  spawnMs: z.number().min(0).default(300),
  connectMs: z.number().min(0).default(200),
  loadBytesPerSecond: z
    .number()
    .positive()
    .default(2 * GiB),
  warmUpMs: z.number().min(0).default(500),
  stopMs: z.number().min(0).default(300),
  /** Until a runner that is to fail while it serves does so. */
  serveMs: z
    .number()
    .min(0)
    .default(1 * SECOND),
  /** After which a runner that makes no progress counts as failed. */
  deadlineMs: z
    .number()
    .min(0)
    .default(30 * SECOND),
  downloadBytesPerSecond: z
    .number()
    .positive()
    .default(100 * MiB),
  verifyMs: z.number().min(0).default(50),
  /** One durable write takes from … to … */
  diskMs: Latency.default([0.2, 1]),
  /** After its process ended by itself a node is started again. */
  restartMs: z
    .number()
    .min(1)
    .default(5 * SECOND),
});
export type Timings = z.infer<typeof Timings>;

/** Numbers of the core's policy that a scenario may set otherwise. */
const PolicyChanges = z
  .strictObject({
    retryBaseMs: z.number().min(1),
    retryCapMs: z.number().min(1),
    settleMs: z.number().min(1),
    placementRetryMs: z.number().min(1),
    runnerOverheadBytes: z.int().min(0),
    reservedBytes: z.int().min(0),
  })
  .partial();

export const Scenario = z.strictObject({
  name: z.string().max(200).default('unnamed'),
  /** What it shows, for the reader. */
  about: z.string().max(2_000).optional(),
  seed: z.int().default(1),
  nodes: z.array(NodeSpec).min(1).max(64),
  /** `mesh` = everyone beside everyone. */
  links: z
    .union([z.literal('mesh'), z.strictObject({ mesh: z.strictObject(cable) }), z.array(LinkSpec)])
    .default('mesh'),
  models: z.array(ModelSpec).min(1).max(32),
  steps: z.array(Step).max(1_000),
  /** Seconds at which it ends. */
  until: z.number().positive().max(31_536_000),
  timings: Timings.prefault({}),
  policy: PolicyChanges.default({}),
  /** A snapshot every so many entries, and how many entries stay before it. */
  log: z
    .strictObject({ snapshotEvery: z.int().min(1), retain: z.int().min(0) })
    .default({ snapshotEvery: 1_000, retain: 1_000 }),
  /** Seconds without a mishap after which everything must be at rest or say why not [V7]. */
  settleSeconds: z.number().positive().default(150),
});
export type Scenario = z.infer<typeof Scenario>;

/** What is wrong with a scenario, each with the path of the field. */
export type ScenarioProblems = readonly string[];

/** Parses a scenario and checks that its names fit together. */
export function parseScenario(
  json: unknown,
):
  | { readonly ok: true; readonly scenario: Scenario }
  | { readonly ok: false; readonly problems: ScenarioProblems } {
  const parsed = Scenario.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${pathOf(path)}: ${message}`);
    return { ok: false, problems };
  }
  const problems = unknownNames(parsed.data);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, scenario: parsed.data };
}

/** The JSON Schema of a scenario file. */
export function scenarioSchema(): unknown {
  return z.toJSONSchema(Scenario, { io: 'input', unrepresentable: 'any' });
}

function pathOf(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text.replace(/^\./, '') || 'the file';
}

function unknownNames({ nodes, links, models, steps, until }: Scenario): string[] {
  const known = new Set(nodes.map(({ id }) => id));
  const problems: string[] = [];
  const check = (path: string, id: string): void => {
    if (!known.has(id))
      problems.push(`${path}: there is no node ${JSON.stringify(id)}; known are ${[...known].join(', ')}`);
  };
  if (known.size < nodes.length) problems.push('nodes: two nodes have the same id');
  if (Array.isArray(links)) {
    links.forEach(({ between }, at) =>
      between.forEach((id, end) => check(`links[${at}].between[${end}]`, id)),
    );
  }
  const modelIds = new Set<string>(models.map(({ id }) => id));
  [...steps.entries()]
    .sort(([, a], [, b]) => a.at - b.at)
    .forEach(([at, step]) => {
      const path = `steps[${at}]`;
      if (step.at > until) problems.push(`${path}.at: ${step.at} lies after the end (until = ${until})`);
      if (step.do === 'join') known.add(step.as.id);
      if ('node' in step && step.node !== undefined) check(`${path}.node`, step.node);
      if ('removed' in step) check(`${path}.removed`, step.removed);
      if ('nodes' in step) step.nodes?.forEach((id, n) => check(`${path}.nodes[${n}]`, id));
      if ('link' in step) step.link.forEach((id, n) => check(`${path}.link[${n}]`, id));
      if ('sides' in step) {
        step.sides.forEach((side, n) => side.forEach((id, m) => check(`${path}.sides[${n}][${m}]`, id)));
      }
      const model = 'model' in step ? step.model : step.do === 'update' ? step.changes.modelId : undefined;
      if (model !== undefined && !modelIds.has(model)) {
        problems.push(
          `${path}: there is no model ${JSON.stringify(model)}; known are ${[...modelIds].join(', ')}`,
        );
      }
    });
  return problems;
}
