import type { IpcErrorCode, IpcFailure } from '../../core/contract/ipc-wire.ts';
import { NoMasterError } from '../replica/commands.ts';
import { HttpError } from '../server/http-error.ts';

/** An expected refusal on its way to a page. */
export class IpcError extends Error {
  override readonly name = 'IpcError';
  readonly code: IpcErrorCode;
  readonly param: string | null;

  constructor(code: IpcErrorCode, message: string, param: string | null = null) {
    super(message);
    this.code = code;
    this.param = param;
  }
}

/** What a page is told of an error; undefined = none that was expected. */
export function failureOf(error: unknown): IpcFailure | undefined {
  if (error instanceof IpcError) return { code: error.code, message: error.message, param: error.param };
  if (error instanceof NoMasterError) return { code: 'Unavailable', message: error.message, param: null };
  if (error instanceof HttpError) {
    return { code: codeOf(error.status), message: error.message, param: error.param };
  }
  return undefined;
}

function codeOf(status: number): IpcErrorCode {
  switch (status) {
    case 400:
      return 'BadRequest';
    case 404:
      return 'NotFound';
    case 409:
      return 'Refused';
    case 413:
    case 429:
      return 'TooMany';
    case 502:
    case 503:
      return 'Unavailable';
    default:
      return 'Internal';
  }
}
