import type { MetaInstanceId, ModelId } from '../../main/core/id.ts';
import { GiB, MINUTE, SECOND } from '../../main/core/unit.ts';
import type { RunnerFault } from '../support/scripted-worker.ts';
import { Transcript } from '../support/transcript.ts';

export const boom = (phase: RunnerFault['phase'] = 'Loading', message = 'boom'): RunnerFault => ({
  phase,
  message,
});

/** One node that has joined. */
export function onAda(): Transcript {
  const transcript = new Transcript();
  transcript.join('ada');
  return transcript;
}

/** What people, memory and time do to what runs: edits, pauses, preemption, idleness, lost nodes. */
export const lifecycle: Readonly<Record<string, () => Transcript>> = {
  'update-by-surge': () => {
    const transcript = onAda();
    transcript.create('chat');
    transcript.run(2 * SECOND);
    transcript.cluster.startTask('ada', 'chat' as MetaInstanceId, 4 * SECOND);
    transcript.update('chat', { contextLength: 64 });
    transcript.update('chat', { contextLength: 64 });
    transcript.run(SECOND);
    transcript.show('chat');
    transcript.note('the earlier one ends with its last task');
    transcript.run(5 * SECOND);
    transcript.show('chat');
    return transcript;
  },

  'update-without-room-for-both': () => {
    const transcript = new Transcript();
    transcript.join('ada', 8 * GiB);
    transcript.create('chat', { modelId: 'Big', bytes: 5 * GiB });
    transcript.run(2 * SECOND);
    transcript.update('chat', { modelId: 'Other' as ModelId }, 5 * GiB);
    transcript.run(2 * SECOND);
    transcript.show('chat');
    transcript.note('what finds no place at all leaves the present one serving');
    transcript.update('chat', { modelId: 'Huge' as ModelId }, 50 * GiB);
    transcript.run(2 * SECOND);
    transcript.show('chat');
    return transcript;
  },

  'update-fails': () => {
    const transcript = onAda();
    transcript.create('chat');
    transcript.run(2 * SECOND);
    transcript.cluster.worker('ada').runnerFaults.push(...Array.from({ length: 4 }, () => boom()));
    transcript.update('chat', { contextLength: 64 });
    transcript.run(30 * SECOND);
    transcript.show('chat');
    transcript.note('a person asks again');
    transcript.retry('chat');
    transcript.run(2 * SECOND);
    transcript.show('chat');
    return transcript;
  },

  'update-of-failed': () => {
    const transcript = onAda();
    transcript.cluster.worker('ada').runnerFaults.push(...Array.from({ length: 4 }, () => boom()));
    transcript.create('chat');
    transcript.run(30 * SECOND);
    transcript.show('chat');
    transcript.update('chat', { contextLength: 64 });
    transcript.run(2 * SECOND);
    transcript.show('chat');
    return transcript;
  },

  'pause-resume': () => {
    const transcript = onAda();
    transcript.create('chat');
    transcript.run(2 * SECOND);
    transcript.pause('chat');
    transcript.pause('chat');
    transcript.run(10 * MINUTE);
    transcript.show('chat');
    transcript.note('paused, it is not retried');
    transcript.retry('chat');
    transcript.resume('chat');
    transcript.run(2 * SECOND);
    transcript.note('paused and deleted');
    transcript.pause('chat');
    transcript.run(SECOND);
    transcript.remove('chat');
    transcript.run(SECOND);
    transcript.showAll();
    return transcript;
  },

  'instances-by-themselves': () => {
    const transcript = onAda();
    transcript.cluster.worker('ada').runnerFaults.push(boom());
    transcript.place();
    transcript.run(10 * SECOND);
    transcript.note('it failed and stays; nothing happens until it is deleted');
    transcript.showAll();
    transcript.removeInstance('command-1');
    transcript.removeInstance('command-1');
    transcript.note('one that finds no place is refused');
    transcript.place({ modelId: 'Huge', bytes: 50 * GiB });
    transcript.note('an Instance of a MetaInstance is placed anew');
    transcript.create('chat');
    transcript.run(2 * SECOND);
    transcript.removeInstance('chat.g1.p11');
    transcript.run(2 * SECOND);
    transcript.show('chat');
    return transcript;
  },

  'node-lost': () => {
    const transcript = new Transcript({ judges: true });
    for (const name of ['ada', 'bob']) transcript.join(name);
    transcript.create('chat');
    transcript.run(20 * SECOND);
    transcript.note('its connection closes: placed anew elsewhere at once');
    transcript.kill('ada');
    transcript.run(2 * SECOND);
    transcript.start('ada');
    transcript.run(2 * SECOND);
    transcript.note('the next one too falls silent, before it settled: placed anew after a delay');
    transcript.kill('bob', { silent: true });
    transcript.run(6 * SECOND);
    transcript.show('chat');
    transcript.note('it stayed Ready: the next loss is a first one again');
    transcript.start('bob');
    transcript.run(12 * SECOND);
    transcript.kill('ada');
    transcript.run(2 * SECOND);
    transcript.show('chat');
    return transcript;
  },

  'node-lost-alone': () => {
    const transcript = new Transcript({ judges: true });
    transcript.join('ada');
    transcript.create('chat');
    transcript.run(20 * SECOND);
    transcript.kill('ada', { silent: true });
    transcript.run(20 * SECOND);
    transcript.note('nobody else is there: it waits, and no attempt is used up');
    transcript.show('chat');
    transcript.start('ada');
    transcript.run(2 * SECOND);
    transcript.show('chat');
    transcript.note('a new master judges nobody before its grace is over');
    transcript.cluster.restartMaster();
    transcript.kill('ada');
    transcript.run(4 * SECOND);
    transcript.show('chat');
    transcript.run(2 * SECOND);
    transcript.showAll();
    return transcript;
  },

  preempt: () => {
    const transcript = new Transcript();
    transcript.join('ada', 12 * GiB);
    transcript.create('low', { modelId: 'Low', bytes: 5 * GiB }, { priority: 10 });
    transcript.create('middle', { modelId: 'Middle', bytes: 5 * GiB });
    transcript.run(5 * SECOND);
    transcript.note('a higher priority alone takes nothing from anybody');
    transcript.create('polite', { modelId: 'Polite', bytes: 5 * GiB }, { priority: 90 });
    transcript.run(15 * SECOND);
    transcript.show('polite');
    transcript.remove('polite');
    transcript.note('one that asks for it: the lowest gives way, when memory was short for a while');
    transcript.create('high', { modelId: 'High', bytes: 5 * GiB }, { priority: 90, preempt: true });
    transcript.run(15 * SECOND);
    transcript.show('low');
    transcript.run(10 * MINUTE);
    transcript.note('when there is room again, it returns');
    transcript.remove('middle');
    transcript.run(15 * SECOND);
    transcript.show('low');
    return transcript;
  },

  'idle-unload': () => {
    const transcript = onAda();
    transcript.create('chat', {}, { idleUnloadSeconds: 60 });
    transcript.run(30 * SECOND);
    transcript.cluster.startTask('ada', 'chat' as MetaInstanceId, 20 * SECOND);
    transcript.run(2 * MINUTE);
    transcript.show('chat');
    transcript.note('it rests until somebody asks for it, also over a restart of its node');
    transcript.restart('ada', SECOND);
    transcript.run(10 * MINUTE);
    transcript.load('chat');
    transcript.load('chat');
    transcript.run(2 * SECOND);
    transcript.show('chat');
    return transcript;
  },
};
