import type { ParseArgsConfig } from 'node:util';
import type { commandHelp } from './help.ts';

const common = {
  host: { type: 'string' },
  port: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options'];

const placing = {
  sharding: { type: 'string' },
  interconnect: { type: 'string' },
  'min-nodes': { type: 'string' },
  'max-nodes': { type: 'string' },
  node: { type: 'string', multiple: true },
  placement: { type: 'string' },
  context: { type: 'string' },
} as const satisfies ParseArgsConfig['options'];

/** The options of each command. */
export const options = {
  create: {
    ...common,
    ...placing,
    name: { type: 'string' },
    priority: { type: 'string' },
    preempt: { type: 'boolean' },
    'idle-unload': { type: 'string' },
    wait: { type: 'boolean' },
    timeout: { type: 'string' },
  },
  update: {
    ...common,
    model: { type: 'string' },
    ...placing,
    priority: { type: 'string' },
    preempt: { type: 'boolean' },
    'idle-unload': { type: 'string' },
  },
  preview: {
    ...common,
    ...placing,
    update: { type: 'string' },
    priority: { type: 'string' },
    preempt: { type: 'boolean' },
  },
  place: { ...common, ...placing, file: { type: 'string' } },
  instances: common,
  stop: common,
  tasks: common,
  cancel: common,
  ls: common,
  rm: common,
  retry: common,
  pause: common,
  resume: common,
  status: common,
  nodes: common,
  pair: { ...common, 'no-wait': { type: 'boolean' } },
  join: { ...common, peer: { type: 'string' } },
  leave: common,
  remove: common,
  doctor: common,
  chat: {
    ...common,
    model: { type: 'string' },
    system: { type: 'string' },
    'max-tokens': { type: 'string' },
    temperature: { type: 'string' },
    seed: { type: 'string' },
  },
  simulate: {
    help: common.help,
    json: common.json,
    schema: { type: 'boolean' },
    random: { type: 'boolean' },
    print: { type: 'boolean' },
    seed: { type: 'string' },
    seeds: { type: 'string' },
    nodes: { type: 'string' },
  },
} as const satisfies Record<keyof typeof commandHelp, ParseArgsConfig['options']>;

export type Name = keyof typeof options;
