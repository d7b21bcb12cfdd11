import { describe, expect, it } from 'vitest';
import { startAll, stopAll, type Startable } from '../../main/node/lifecycle.ts';

function parts(names: readonly string[], failing: string): { parts: Startable[]; told: string[] } {
  const told: string[] = [];
  const act = (what: string) => async (): Promise<void> => {
    told.push(what);
    if (what === failing) throw new Error(`${what} failed`);
  };
  return { told, parts: names.map((name) => ({ start: act(`start ${name}`), stop: act(`stop ${name}`) })) };
}

describe('parts with a life', () => {
  it('start in order and stop in reverse', async () => {
    const { parts: all, told } = parts(['log', 'server'], 'nothing');
    await startAll(all);
    await stopAll(all);
    expect(told).toEqual(['start log', 'start server', 'stop server', 'stop log']);
  });

  it('one that does not start: it and those before it are stopped, those after never start', async () => {
    const { parts: all, told } = parts(['log', 'worker', 'server'], 'start worker');
    await expect(startAll(all)).rejects.toThrow('start worker failed');
    expect(told).toEqual(['start log', 'start worker', 'stop worker', 'stop log']);
  });

  it('one that neither starts nor stops: what is told of is why it did not start', async () => {
    const { parts: all, told } = parts(['log', 'worker'], 'start worker');
    all[1] = { ...all[1]!, stop: () => Promise.reject(new Error('stop worker failed')) };
    await expect(startAll(all)).rejects.toThrow('start worker failed');
    expect(told).toEqual(['start log', 'start worker', 'stop log']);
  });

  it('one that does not stop holds up nobody, and is told of in the end', async () => {
    const { parts: all, told } = parts(['log', 'server'], 'stop server');
    await expect(stopAll(all)).rejects.toThrow('stop server failed');
    expect(told).toEqual(['stop server', 'stop log']);
  });
});
