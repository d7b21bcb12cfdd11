import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { EventsQuery } from '../../../core/contract/rest.ts';
import { EventView } from '../../../core/contract/rest-state.ts';
import type { IndexedEvent } from '../../../core/event.ts';
import type { Clock } from '../../clock.ts';
import { answered, route, type Answer, type Route, type ServerComponents } from '../route.ts';
import { SseStream } from '../sse.ts';
import { eventView } from '../state-view.ts';

const PAGE = 500;

export const eventRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/events',
    summary:
      'The event log as a JSON array, oldest first. With `Accept: text/event-stream` it goes on live: ' +
      'each line is one event, its id is the index; a gap left by compaction is told as `event: gap`, and events that ' +
      'are no longer in the log, because two parts of the cluster met, as `event: reset`: it goes on after `after`.',
    query: EventsQuery,
    answers: { 200: { description: 'The events.', schema: z.array(EventView), stream: EventView } },
    handle: ({ incoming, outgoing, query }, components) => {
      const live = /\btext\/event-stream\b/.test(incoming.headers.accept ?? '');
      return live ? follow(components, { incoming, outgoing, query }) : list(components, { outgoing, query });
    },
  }),
];

interface Asked {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly query: EventsQuery;
}

/** Written page by page as the reader takes them: the log may be larger than the memory. */
async function list(
  { api, clock, limits }: ServerComponents,
  { outgoing, query }: Omit<Asked, 'incoming'>,
): Promise<Answer> {
  const last = api.state().lastIndex;
  let after = query.after ?? 0;
  let left = query.limit ?? Number.MAX_SAFE_INTEGER;
  let separator = '';
  outgoing.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
  outgoing.write('[');
  while (left > 0 && after < last && !outgoing.destroyed) {
    const page = api.events(after, Math.min(left, PAGE)).filter(({ index }) => index <= last);
    const end = page.at(-1);
    if (end === undefined) break;
    const text = page.map((entry) => JSON.stringify(eventView(entry))).join(',');
    if (!outgoing.write(separator + text)) await drained(outgoing, clock, limits.stallMs);
    separator = ',';
    after = end.index;
    left -= page.length;
  }
  outgoing.end(']');
  return answered;
}

/**
 * The log itself is the buffer: a slow reader lags behind it and costs no memory.
 * It is written to only while it keeps up, and dropped when it takes nothing for `stallMs`.
 */
function follow(
  { api, clock, limits, log, onStop }: ServerComponents,
  { incoming, outgoing, query }: Asked,
): Promise<Answer> {
  return new Promise((resolve) => {
    const cursor = {
      sent: firstIndex(incoming, query) ?? api.state().lastIndex,
      left: query.limit ?? Number.MAX_SAFE_INTEGER,
    };
    let pumping = false;
    let resets = 0;
    const close = (): void => {
      unwatch();
      forget();
      resolve(answered);
    };
    const stream = new SseStream({ outgoing, clock }, { limits, onEnd: close });
    const send = (entry: IndexedEvent): void => {
      if (entry.index > cursor.sent + 1)
        stream.write(`event: gap\ndata: {"after":${cursor.sent},"next":${entry.index}}\n\n`);
      stream.write(`id: ${entry.index}\ndata: ${JSON.stringify(eventView(entry))}\n\n`);
      cursor.sent = entry.index;
      cursor.left -= 1;
    };
    const pump = async (): Promise<void> => {
      if (pumping) return;
      pumping = true;
      while (stream.open && cursor.left > 0 && cursor.sent < api.state().lastIndex) {
        const page = api.events(cursor.sent, Math.min(cursor.left, PAGE));
        if (page.length === 0) break;
        const before = resets;
        for (const entry of page) {
          await stream.drained();
          // What was read before is not what the log says now.
          if (resets !== before) break;
          send(entry);
        }
      }
      pumping = false;
      if (cursor.left <= 0) finish();
    };
    const finish = (): void => {
      stream.end();
      close();
    };
    const catchUp = (): void => {
      pump().catch((error: unknown) => {
        log.error('an event stream failed inside', { error });
        finish();
      });
    };
    const unwatch = api.watch(
      (entry) => {
        // The usual case needs no look into the log: this is the next one and the reader keeps up.
        if (!pumping && entry.index === cursor.sent + 1 && cursor.left > 1 && !stream.blocked) send(entry);
        else catchUp();
      },
      (after) => {
        resets += 1;
        if (after < cursor.sent) {
          cursor.sent = after;
          stream.write(`event: reset\ndata: {"after":${after}}\n\n`);
        }
        catchUp();
      },
    );
    const forget = onStop(finish);
    if (incoming.method === 'HEAD' || !stream.open) finish();
    else catchUp();
  });
}

/** Where to go on: what the query says, or where a reconnecting EventSource left off. */
function firstIndex({ headers }: IncomingMessage, { after }: EventsQuery): number | undefined {
  if (after !== undefined) return after;
  const lastId = headers['last-event-id'];
  return typeof lastId === 'string' && /^\d{1,15}$/.test(lastId) ? Number(lastId) : undefined;
}

/** Resolves when the reader has caught up or is gone; one that takes nothing for `stallMs` is dropped. */
function drained(outgoing: ServerResponse, clock: Clock, stallMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      outgoing.off('drain', done).off('close', done);
      resolve();
    };
    const cancel = clock.after(stallMs, () => outgoing.destroy());
    outgoing.once('drain', done).once('close', done);
  });
}
