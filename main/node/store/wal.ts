import { closeSync, openSync, readSync, statSync } from 'node:fs';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/** What a write-ahead log's file claims to hold, before its checksums are looked at. */
export interface WalClaim {
  /** Number of the last frame that ends a transaction of the current generation; 0 = none. */
  readonly lastCommitFrame: number;
  /** Bytes after the last whole frame: a write that was cut off. */
  readonly partialBytes: number;
}

/**
 * Reads the frame headers of the log beside a database, https://sqlite.org/fileformat2.html#walformat. SQLite stops
 * silently at the first bad frame; comparing this with the frames it took shows whether whole transactions were lost.
 */
export function walClaim(path: string): WalClaim {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return { lastCommitFrame: 0, partialBytes: 0 };
  const file = openSync(path, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    if (readSync(file, header, 0, HEADER_BYTES, 0) < HEADER_BYTES)
      return { lastCommitFrame: 0, partialBytes: size };
    const frameBytes = FRAME_HEADER_BYTES + header.readUInt32BE(8);
    const frames = Math.floor((size - HEADER_BYTES) / frameBytes);
    const frame = Buffer.alloc(FRAME_HEADER_BYTES);
    let lastCommitFrame = 0;
    let current = 0;
    for (let number = 1; number <= frames; number += 1) {
      readSync(file, frame, 0, FRAME_HEADER_BYTES, HEADER_BYTES + (number - 1) * frameBytes);
      // Frames with other salts are left over from an earlier generation of the log.
      if (!frame.subarray(8, 16).equals(header.subarray(16, 24))) continue;
      current = number;
      if (frame.readUInt32BE(4) !== 0) lastCommitFrame = number;
    }
    const wholeBytes = HEADER_BYTES + frames * frameBytes;
    return { lastCommitFrame, partialBytes: current === frames ? size - wholeBytes : 0 };
  } finally {
    closeSync(file);
  }
}
