import { z } from 'zod';
import { SamplingRequest } from './runner.ts';

/** Conversations as a node keeps them: trees of messages, so that an edit or another answer never loses one. */

export const ConversationId = z.string().min(1).max(64).brand<'ConversationId'>();
export type ConversationId = z.infer<typeof ConversationId>;

export const MessageId = z.string().min(1).max(64).brand<'MessageId'>();
export type MessageId = z.infer<typeof MessageId>;

export const MAX_TITLE = 200;
/** Characters of one message, attached files included. */
export const MAX_CONTENT = 3_000_000;

/** A model id or a MetaInstance id. */
export const ChatTarget = z.string().min(1).max(160);

/** What a person set for a conversation; absent = the node's default. */
export const ChatSettings = z.strictObject({
  systemPrompt: z.string().max(100_000).optional(),
  temperature: SamplingRequest.shape.temperature.optional(),
  topP: SamplingRequest.shape.topP.optional(),
  topK: SamplingRequest.shape.topK.optional(),
  minP: SamplingRequest.shape.minP.optional(),
  repetitionPenalty: SamplingRequest.shape.repetitionPenalty.optional(),
  seed: SamplingRequest.shape.seed.optional(),
  maxTokens: z.int().min(1).optional(),
});
export type ChatSettings = z.infer<typeof ChatSettings>;

/** How an answer came about. */
export const AnswerStats = z.strictObject({
  promptTokens: z.int().min(0),
  completionTokens: z.int().min(0),
  /** From the request to the first text. Null = none came. */
  firstTokenMs: z.number().min(0).nullable(),
  /** Decode speed: tokens after the first, over the time since it. Null = too few to tell. */
  tokensPerSecond: z.number().min(0).nullable(),
});
export type AnswerStats = z.infer<typeof AnswerStats>;

/**
 * `Streaming` = still being written; after a crash of the node such an answer reads `Interrupted`, with what was said.
 */
export const AnswerState = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Streaming') }),
  z.strictObject({ type: z.literal('Complete'), finish: z.enum(['Stop', 'Length']) }),
  z.strictObject({ type: z.literal('Stopped') }),
  /** For people: what happened, on which node, and what helps. */
  z.strictObject({ type: z.literal('Failed'), message: z.string() }),
  z.strictObject({ type: z.literal('Interrupted') }),
]);
export type AnswerState = z.infer<typeof AnswerState>;

const message = {
  id: MessageId,
  /** Null = it begins the conversation. */
  parentId: MessageId.nullable(),
  content: z.string(),
  /** Epoch ms. */
  createdAt: z.number(),
};

export const UserMessage = z.strictObject({ role: z.literal('user'), ...message });
export type UserMessage = z.infer<typeof UserMessage>;

export const AnswerMessage = z.strictObject({
  role: z.literal('assistant'),
  ...message,
  target: ChatTarget,
  state: AnswerState,
  /** Null until it ended, and where nothing was counted. */
  stats: AnswerStats.nullable(),
});
export type AnswerMessage = z.infer<typeof AnswerMessage>;

export const Message = z.discriminatedUnion('role', [UserMessage, AnswerMessage]);
export type Message = z.infer<typeof Message>;

export const ConversationHead = z.strictObject({
  id: ConversationId,
  /** Empty = not named yet. */
  title: z.string().max(MAX_TITLE),
  /** Null = none chosen yet. */
  target: ChatTarget.nullable(),
  settings: ChatSettings,
  createdAt: z.number(),
  /** Of its newest message or change. */
  updatedAt: z.number(),
});
export type ConversationHead = z.infer<typeof ConversationHead>;

export const Conversation = ConversationHead.extend({
  /** Oldest first. */
  messages: z.array(Message),
});
export type Conversation = z.infer<typeof Conversation>;

/** One found by a search, with the place that matched. */
export const ConversationHit = ConversationHead.extend({
  /** Some words around the first match in a message; null = the title matched, or nothing was searched for. */
  snippet: z.string().nullable(),
});
export type ConversationHit = z.infer<typeof ConversationHit>;

/** Says something, or asks for another answer, and streams it; both are kept on the node from the first word on. */
export const ChatParams = z.strictObject({
  conversationId: ConversationId,
  target: ChatTarget,
  /** What it continues: with `text` the message that comes before it (null = it begins), without, the message to answer. */
  parentId: MessageId.nullable(),
  /** What the person says; absent = another answer to `parentId`. */
  text: z.string().min(1).max(MAX_CONTENT).optional(),
});
export type ChatParams = z.infer<typeof ChatParams>;

/** In order: `Begun`, any number of the middle ones, `Ended`. Closing the stream stops the answer at once. */
export const ChatItem = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('Begun'),
    /** Null = no message of the person came with it. */
    user: UserMessage.nullable(),
    answer: AnswerMessage,
  }),
  /** The model is not ready yet; it is sent when it is. For people. */
  z.strictObject({ type: z.literal('Waiting'), message: z.string() }),
  z.strictObject({ type: z.literal('Prefill'), processed: z.int(), total: z.int() }),
  z.strictObject({ type: z.literal('Text'), text: z.string(), tokens: z.int() }),
  z.strictObject({ type: z.literal('Ended'), answer: AnswerMessage }),
]);
export type ChatItem = z.infer<typeof ChatItem>;
