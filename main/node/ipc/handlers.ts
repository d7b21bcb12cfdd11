import type { z } from 'zod';
import type { methods, MethodName, StreamItem, StreamName, streams } from '../../core/contract/ipc.ts';

type Params<Name extends MethodName> = z.output<(typeof methods)[Name]['params']>;
type Result<Name extends MethodName> = z.input<(typeof methods)[Name]['result']>;

/** What is done for each method of the contract. Throws what `failureOf` knows; anything else is a fault of Skein. */
export type MethodHandlers = {
  readonly [Name in MethodName]: (params: Params<Name>) => Result<Name> | Promise<Result<Name>>;
};

/**
 * The items of each stream, drawn one by one as the page takes them. `signal` is aborted when the page is gone or took
 * it back; the iterable then ends soon.
 */
export type StreamHandlers = {
  readonly [Name in StreamName]: (
    params: z.output<(typeof streams)[Name]['params']>,
    signal: AbortSignal,
  ) => AsyncIterable<StreamItem<Name>>;
};

export interface IpcHandlers {
  readonly methods: MethodHandlers;
  readonly streams: StreamHandlers;
}
