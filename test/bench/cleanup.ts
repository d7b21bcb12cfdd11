const cleanups = new Set<() => void>();

/**
 * What must not outlive the bench: `cleanup` runs at its exit, synchronously, unless the returned function was called
 * before.
 */
export function atExit(cleanup: () => void): () => void {
  cleanups.add(cleanup);
  return () => void cleanups.delete(cleanup);
}

/** Has everything cleaned up however this process ends, short of SIGKILL. Called once, by the entry. */
export function cleanUpAtExit(): void {
  process.on('exit', () => {
    for (const cleanup of cleanups) cleanup();
  });
  process.on('SIGINT', () => process.exit(130));
  process.on('SIGTERM', () => process.exit(143));
}
