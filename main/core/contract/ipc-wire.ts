import { z } from 'zod';

/**
 * The wire between a node and the pages that show it: JSON texts over any ordered connection (a WebSocket, a MessagePort).
 * Raised when an older page could misread a newer node; a page of another number says so and asks to be reloaded.
 */
export const IPC_PROTOCOL = 1;

/** Largest frame toward the node, in characters; toward the page a whole state may come. */
export const MAX_CLIENT_FRAME = 4 * 1024 * 1024;
export const MAX_SERVER_FRAME = 64 * 1024 * 1024;

/** Calls and streams that one page may have open at once. */
export const MAX_OPEN = 64;

/** Items a stream may be ahead of its reader, at most. */
export const MAX_CREDIT = 1_024;

/**
 * - `BadRequest` what was asked is not valid · `NotFound` what it is about is not there · `Refused` a rule is against it
 * - `Unavailable` not now: nobody leads, the model is not ready, the node stops · `TooMany` a bound is reached
 * - `Cancelled` the asker took it back · `Internal` a fault of Skein; the node's log has more
 */
export const IpcErrorCode = z.enum([
  'BadRequest',
  'NotFound',
  'Refused',
  'Unavailable',
  'TooMany',
  'Cancelled',
  'Internal',
]);
export type IpcErrorCode = z.infer<typeof IpcErrorCode>;

export const IpcFailure = z.strictObject({
  code: IpcErrorCode,
  /** For people: what, where, and what helps. */
  message: z.string(),
  /** The field at fault, e.g. `body.model_id`; null = no single field. */
  param: z.string().nullable(),
});
export type IpcFailure = z.infer<typeof IpcFailure>;

/** Drawn by the page, rising; one number for one call or stream of a connection, never used again. */
const Id = z.int().min(1);

/** Page → node. */
export const ClientFrame = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Call'), id: Id, method: z.string().max(64), params: z.unknown() }),
  z.strictObject({
    type: z.literal('Open'),
    id: Id,
    stream: z.string().max(64),
    params: z.unknown(),
    /** Items that may come before more credit is given. */
    credit: z.int().min(1).max(MAX_CREDIT),
  }),
  z.strictObject({ type: z.literal('Credit'), id: Id, items: z.int().min(1).max(MAX_CREDIT) }),
  /** Of a call or a stream; one that ended or never was: no effect. */
  z.strictObject({ type: z.literal('Cancel'), id: Id }),
]);
export type ClientFrame = z.infer<typeof ClientFrame>;

/** Node → page. A call ends with `Value` or `Error`, a stream with `End` or `Error`. */
export const ServerFrame = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Value'), id: Id, value: z.unknown() }),
  z.strictObject({ type: z.literal('Item'), id: Id, item: z.unknown() }),
  z.strictObject({ type: z.literal('End'), id: Id }),
  z.strictObject({ type: z.literal('Error'), id: Id, error: IpcFailure }),
]);
export type ServerFrame = z.infer<typeof ServerFrame>;

/** An ordered, reliable channel of texts, whichever carries it. Both ends see the same interface. */
export interface IpcConnection {
  /** False = it is closed, or more than the carrier's bound waits to be sent: the frame was not taken. */
  send(text: string): boolean;
  /** Characters or bytes not yet sent, for back-pressure; 0 where the carrier can't tell. */
  readonly waiting: number;
  /** At most one listener each; set before anything can arrive. */
  onMessage: (text: string) => void;
  /** Called once, also after `close`. */
  onClose: (reason: string) => void;
  /** May be called twice. */
  close(reason: string): void;
}
