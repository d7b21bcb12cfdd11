import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { MiB } from '../../core/unit.ts';

/**
 * Hashes a file chunk by chunk; between chunks the event loop goes on and `signal` is looked at.
 * @returns lower-case hex. Rejects with the signal's reason when aborted, else with the file system's error.
 */
export async function sha256OfFile(
  path: string,
  init: { readonly signal: AbortSignal; readonly onBytes: (doneBytes: number) => void },
): Promise<string> {
  // Without O_NONBLOCK, a named pipe put there in the meantime would block for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(MiB);
    for (let doneBytes = 0; ; init.onBytes(doneBytes)) {
      init.signal.throwIfAborted();
      const { bytesRead } = await file.read(chunk, 0, chunk.length, doneBytes);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, bytesRead));
      doneBytes += bytesRead;
    }
  } finally {
    await file.close();
  }
}
