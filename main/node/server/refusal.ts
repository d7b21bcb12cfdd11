import type { Refusal } from '../../core/command.ts';
import { unreachable } from '../../core/result.ts';
import { HttpError } from './http-error.ts';

/** A refused command on its way to the client. @param param the field that names what it is about */
export function refusalError({ code, message }: Refusal, param: string): HttpError {
  return new HttpError(statusOf(code), message, { param });
}

function statusOf(code: Refusal['code']): number {
  switch (code) {
    case 'NotFound':
      return 404;
    case 'NotSupported':
    case 'NoPlace':
      return 400;
    case 'AlreadyExists':
    case 'Deleting':
    case 'Paused':
    case 'NothingToRetry':
    case 'EditConflict':
      return 409;
    default:
      return unreachable(code);
  }
}
