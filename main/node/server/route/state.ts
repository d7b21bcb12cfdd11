import { StateAnswer } from '../../../core/contract/rest-state.ts';
import { z } from 'zod';
import { HttpError } from '../http-error.ts';
import { okAnswer, route, type Route } from '../route.ts';
import { stateView } from '../state-view.ts';

export const stateRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/state',
    summary: 'The cluster state with what is observed beside it.',
    answers: { 200: { description: 'The state.', schema: StateAnswer } },
    handle: (_exchange, { api }) => okAnswer(stateView(api.state(), api.telemetry(), api.cluster())),
  }),
  route({
    method: 'get',
    path: '/state/:path{.+}',
    summary: 'A part of the state: keys and list indexes, separated by "/"; a "/" within a key is %2F.',
    params: { path: 'For example `instances` or `downloads/NODE/0`.' },
    answers: { 200: { description: 'The part.', schema: z.unknown() } },
    handle: ({ incoming }, { api }) =>
      okAnswer(walk(stateView(api.state(), api.telemetry(), api.cluster()), segmentsOf(incoming.url ?? ''))),
  }),
];

function segmentsOf(url: string): readonly string[] {
  const path = url.replace(/[?#].*$/s, '').replace(/^\/state\//, '');
  try {
    return path
      .replace(/\/$/, '')
      .split('/')
      .map((segment) => decodeURIComponent(segment));
  } catch {
    throw new HttpError(
      400,
      'The path holds a "%" that is not followed by two hexadecimal digits of UTF-8.',
      {
        param: 'path',
      },
    );
  }
}

function walk(state: StateAnswer, segments: readonly string[]): unknown {
  let part: unknown = state;
  for (const [depth, segment] of segments.entries()) {
    const inside = typeof part === 'object' && part !== null && Object.hasOwn(part, segment);
    if (!inside || (Array.isArray(part) && !/^\d+$/.test(segment))) {
      const where = segments.slice(0, depth).join('/');
      throw new HttpError(
        404,
        `The state has no "${segment.slice(0, 100)}" in /state${where && `/${where}`}.`,
        {
          param: 'path',
        },
      );
    }
    part = (part as Record<string, unknown>)[segment];
  }
  return part;
}
