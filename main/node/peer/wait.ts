import type { Clock } from '../clock.ts';

/** An abort signal that comes after `ms`, or with `parent`. Call `clear` when it is no longer needed. */
export function deadline(
  clock: Clock,
  ms: number,
  parent?: AbortSignal,
): { readonly signal: AbortSignal; readonly clear: () => void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort(new Error(`nothing came within ${ms} ms`));
  const cancel = clock.after(ms, abort);
  const follow = (): void => controller.abort(parent?.reason);
  if (parent?.aborted === true) follow();
  else parent?.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    clear() {
      cancel();
      parent?.removeEventListener('abort', follow);
    },
  };
}

/** Resolves like `promise`, or to `otherwise` after `ms`, or when it fails. Never rejects. */
export async function within<Value, Otherwise>(
  clock: Clock,
  ms: number,
  promise: Promise<Value>,
  otherwise: Otherwise,
): Promise<Value | Otherwise> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () => resolve(otherwise));
    promise.then(
      (value) => {
        cancel();
        resolve(value);
      },
      () => {
        cancel();
        resolve(otherwise);
      },
    );
  });
}
