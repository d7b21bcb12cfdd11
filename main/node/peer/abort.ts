import type { Connection } from '@libp2p/interface';

/** Never throws, unlike libp2p's own where the other side can't be told any more. */
export function abortAtOnce(connection: Pick<Connection, 'abort'>, reason: string): void {
  const problem = new Error(reason);
  try {
    connection.abort(problem);
  } catch {
    // The muxer's last word did not go out; it is closed now, and the second call ends the socket below it.
    connection.abort(problem);
  }
}
