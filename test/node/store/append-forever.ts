// A process for the crash test: appends for ever and writes the index of each confirmed batch to its standard output.
// With a user id as second argument it does so as that user.
import { writeSync } from 'node:fs';
import type { Event } from '../../../main/core/event.ts';
import { systemClock } from '../../../main/node/clock.ts';
import { createLog } from '../../../main/node/log.ts';
import { LoneLog } from './lone-log.ts';
import { event, indexed, someNode } from '../../support/builders.ts';

const [path, uid] = process.argv.slice(2);
if (path === undefined) throw new Error('needs the path of the log');
if (uid !== undefined) process.setuid?.(Number(uid));

const log = createLog({
  level: 'warn',
  now: () => systemClock.now(),
  write: (line) => void writeSync(2, line),
});
const opened = LoneLog.open(
  { clock: systemClock, log },
  { path, self: someNode, snapshotEvery: 50, retain: 100 },
);
for (const notice of opened.notices) writeSync(2, `${notice}\n`);
const eventAt = (index: number): Event =>
  index % 2 === 1 ? event.nodeStarted(`node ${index}`) : event.downloadCompleted(index);

let next = opened.log.lastIndex + 1;
for (;;) {
  const events = Array.from({ length: 1 + (next % 5) }, (_, position) => eventAt(next + position));
  await opened.log.append(indexed(events, next));
  next += events.length;
  writeSync(1, `${next - 1}\n`);
}
