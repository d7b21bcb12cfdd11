import type { IpcErrorCode, IpcFailure } from '../../core/contract/ipc-wire.ts';
import { unreachable } from '../../core/result.ts';
import { NoMasterError } from '../replica/commands.ts';
import { HttpError } from '../server/http-error.ts';
import { problemOf, type SqliteProblem } from '../store/sqlite.ts';

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
  const message = adviceOn(problemOf(error));
  return message === undefined ? undefined : { code: 'Unavailable', message, param: null };
}

/** Of the file of conversations, the only one that pages reach; undefined = a fault of Skein. */
function adviceOn(problem: SqliteProblem): string | undefined {
  switch (problem) {
    case 'Locked':
      return 'Another program holds the file of conversations on this node. Close it there, then try again.';
    case 'Full':
      return "This node's disk is full, so that no more can be kept. Free some space there, then try again.";
    case 'ReadOnly':
    case 'CannotOpen':
    case 'Io':
      return 'The file of conversations on this node can not be read or written now. Is its disk still there, and may Skein write to its data folder?';
    case 'Damaged':
      return 'The file of conversations on this node is damaged. Restart Skein there: it sets the file aside and begins a new one.';
    case 'Other':
      return undefined;
    default:
      return unreachable(problem);
  }
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
