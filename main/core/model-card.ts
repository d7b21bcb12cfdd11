import { z } from 'zod';
import { ModelId } from './id.ts';

export const Sharding = z.enum(['Pipeline', 'Tensor']);
export type Sharding = z.infer<typeof Sharding>;

/** An engine that a runner computes with. */
export const Backend = z.enum(['MlxCpu', 'MlxMetal', 'MlxCuda']);
export type Backend = z.infer<typeof Backend>;

/**
 * What placement and the workers must know of a model before a byte of it is read.
 * The file's header is compared with it when the runner loads.
 */
export const ModelCard = z.strictObject({
  modelId: ModelId,
  title: z.string().min(1).max(200),
  /** File name below a models folder; never a path. */
  file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*\.gguf$/),
  fileBytes: z.int().positive(),
  /** Lower-case hex of the whole file; null = not pinned, trusted as found. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  architecture: z.string().min(1).max(64),
  quantization: z.string().min(1).max(32),
  layers: z.int().min(1).max(1024),
  hiddenSize: z
    .int()
    .min(1)
    .max(1 << 20),
  heads: z.int().min(1).max(4096),
  kvHeads: z.int().min(1).max(4096),
  contextLength: z
    .int()
    .min(1)
    .max(1 << 24),
  /** Memory of the weights once loaded. */
  weightBytes: z.int().positive(),
  /** Memory of one token's keys and values over all layers. */
  kvBytesPerToken: z.int().positive(),
  /**
   * The part of the weights that belongs to no layer: the token embedding, which the first shard holds, and the
   * output head, which the last one holds. Tied = both are one table, counted once in `weightBytes`.
   * Absent = not told; all weights are then spread evenly over the layers.
   */
  ends: z
    .strictObject({ embeddingBytes: z.int().min(0), headBytes: z.int().min(0), tied: z.boolean() })
    .optional(),
  shardings: z.array(Sharding).min(1),
  /** Engines that can run it, any one of them; absent = all. */
  backends: z.array(Backend).min(1).optional(),
  license: z.string().max(100),
});
export type ModelCard = z.infer<typeof ModelCard>;
