import type {
  MethodName,
  MethodParams,
  MethodResult,
  StreamItem,
  StreamName,
  StreamParams,
} from '../../../main/core/contract/ipc.ts';

export interface OpenStream {
  /** May be called twice; nothing is told after it. */
  close(): void;
}

/** What the chat needs of the connection to the node. */
export interface ChatPort {
  /** Rejects with an error whose message is for people. */
  call<Name extends MethodName>(name: Name, params: MethodParams<Name>): Promise<MethodResult<Name>>;
  open<Name extends StreamName>(
    name: Name,
    params: StreamParams<Name>,
    on: {
      readonly item: (item: StreamItem<Name>) => void;
      /** Told once, unless it was closed here. Null = it came to its end; otherwise why not, for people. */
      readonly end: (failure: string | null) => void;
    },
  ): OpenStream;
}
