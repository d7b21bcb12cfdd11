import { z } from 'zod';

/** What a node was told, by whom, and what of it a page may change. */

export const SettingKey = z.enum([
  'name',
  'port',
  'peerPort',
  'peerHost',
  'peers',
  'discovery',
  'dataDir',
  'modelDirs',
  'logLevel',
  'maxTasks',
  'maxQueued',
  'prefillChunk',
  'kvBytes',
]);
export type SettingKey = z.infer<typeof SettingKey>;

export const SettingValue = z.union([
  z.string().max(4_096),
  z.number(),
  z.boolean(),
  z.array(z.string().max(4_096)).max(256),
  /** Left to the node. */
  z.null(),
]);
export type SettingValue = z.infer<typeof SettingValue>;

export const Setting = z.strictObject({
  key: SettingKey,
  /** As it is in force. */
  value: SettingValue,
  /** Who said so. A flag or a variable of the environment wins over what a page changed. */
  source: z.enum(['Default', 'Settings', 'Environment', 'Flag']),
  /** When a change counts: at once, after a restart of the node, or never because a flag or a variable decides. */
  takesEffect: z.enum(['Now', 'Restart', 'Never']),
  /** Changed and not in force before a restart; absent = nothing waits. */
  pending: SettingValue.optional(),
});
export type Setting = z.infer<typeof Setting>;

export const NodeSettings = z.strictObject({ settings: z.array(Setting) });
export type NodeSettings = z.infer<typeof NodeSettings>;

/** Null = the default again. Refused as a whole when one of them is not valid. */
export const SettingChanges = z.strictObject({
  changes: z
    .array(z.strictObject({ key: SettingKey, value: SettingValue }))
    .min(1)
    .max(SettingKey.options.length),
});
export type SettingChanges = z.infer<typeof SettingChanges>;
