/** Something with a life. `stop` may be called twice, and before `start` has finished. */
export interface Startable {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts in order; when one fails, stops those already started in reverse and rethrows. */
export async function startAll(parts: readonly Startable[]): Promise<void> {
  for (const [position, part] of parts.entries()) {
    try {
      await part.start();
    } catch (error) {
      // Why it did not start explains more than what went wrong on the way out.
      await stopAll(parts.slice(0, position + 1)).catch(() => undefined);
      throw error;
    }
  }
}

/** Stops in reverse order; every part is stopped even if another fails, then the first failure is thrown. */
export async function stopAll(parts: readonly Startable[]): Promise<void> {
  const failures: unknown[] = [];
  for (const part of [...parts].reverse()) {
    await part.stop().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}
