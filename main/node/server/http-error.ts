import { STATUS_CODES } from 'node:http';
import type { z } from 'zod';
import type { ErrorAnswer } from '../../core/contract/rest.ts';

/** An expected refusal on its way to the client. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  /** The field at fault, as a path. */
  readonly param: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    about: { readonly param?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.param = about.param ?? null;
    this.headers = about.headers ?? {};
  }

  get answer(): ErrorAnswer {
    return errorAnswer(this.status, this.message, this.param);
  }
}

export function errorAnswer(status: number, message: string, param: string | null = null): ErrorAnswer {
  return { error: { message, type: STATUS_CODES[status] ?? 'Error', param, code: status } };
}

/** What a stream that has begun says before it ends; HTTP's status line is gone by then. */
export function streamError(message: string): ErrorAnswer {
  return { error: { message, type: 'InternalServerError', param: null, code: 500 } };
}

/** `messages[0].content`, as a person would write it. */
export function fieldPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}

const MAX_NAMED = 3;

/** A 400 that names the first fields at fault; `param` is the first of them. */
export function invalid(error: z.ZodError, what: string): HttpError {
  const faults = error.issues.map(faultOf);
  const named = faults
    .slice(0, MAX_NAMED)
    .map(({ param, text }) => (param === '' ? text : `${param}: ${text}`))
    .join('; ');
  const more = faults.length > MAX_NAMED ? `; and ${faults.length - MAX_NAMED} more` : '';
  const param = faults[0]?.param ?? '';
  return new HttpError(400, `${what} is not valid: ${named}${more}`, param === '' ? {} : { param });
}

function faultOf(issue: z.core.$ZodIssue): { readonly param: string; readonly text: string } {
  const deepest = deepestFault(issue);
  const path = fieldPath(deepest.path);
  if (deepest.code === 'unrecognized_keys') {
    const unknown = deepest.keys[0] ?? '';
    return { param: fieldPath([...deepest.path, unknown]), text: 'there is no such field' };
  }
  if (path !== '' && deepest.code === 'invalid_type' && deepest.message.endsWith('received undefined')) {
    return { param: path, text: `is missing, expected ${deepest.expected}` };
  }
  return { param: path, text: lowerFirst(deepest.message) };
}

/** Of a union's branches, the one that got furthest: that is the one the person meant. */
function deepestFault(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  let best: z.core.$ZodIssue | undefined;
  for (const branch of issue.errors) {
    const first = branch[0];
    if (first !== undefined && (best === undefined || first.path.length > best.path.length)) best = first;
  }
  if (best === undefined || best.path.length === 0) return issue;
  const inner = deepestFault(best);
  return { ...inner, path: [...issue.path, ...inner.path] };
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
