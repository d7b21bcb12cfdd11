import { MiB, KiB, SECOND } from '../../core/unit.ts';

/** Bounds of the REST server; every wait and every buffer has one. */
export interface ServerLimits {
  /** Longest request body. */
  readonly bodyBytes: number;
  /** How long a client may take to send its whole body. */
  readonly bodyMs: number;
  /** How long a client may take to send its headers. */
  readonly headersMs: number;
  readonly headerBytes: number;
  readonly connections: number;
  /** What waits unsent for one slow reader before its stream is ended. */
  readonly unsentBytes: number;
  /** How long a reader may take nothing of what waits for it. */
  readonly stallMs: number;
  /** Silence after which a stream sends a comment, so that proxies and clients know it lives. */
  readonly keepAliveMs: number;
  /** How long answers under way may go on once the server stops. */
  readonly stopMs: number;
}

export const defaultLimits: ServerLimits = {
  bodyBytes: 4 * MiB,
  bodyMs: 20 * SECOND,
  headersMs: 10 * SECOND,
  headerBytes: 16 * KiB,
  connections: 512,
  unsentBytes: 1 * MiB,
  stallMs: 30 * SECOND,
  keepAliveMs: 10 * SECOND,
  stopMs: 1 * SECOND,
};
