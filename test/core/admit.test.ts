import { expect, test } from 'vitest';
import { admit, type Report } from '../../main/core/admit.ts';
import type { Event } from '../../main/core/event.ts';
import {
  ada,
  bob,
  created,
  download,
  given,
  instanceDeleted,
  joined,
  onOneNode,
} from '../support/core-builders.ts';

const rows: readonly { name: string; given: readonly Event[]; when: Report; then: boolean }[] = [
  {
    name: '[N2] a download goes on that an Instance wants → admitted',
    given: onOneNode,
    when: download('Ongoing'),
    then: true,
  },
  {
    name: '[N2] an unfinished download that nothing wants any more → dropped',
    given: [...onOneNode, instanceDeleted],
    when: download('Ongoing'),
    then: false,
  },
  {
    name: '[N2] a failed download that nothing wants any more → dropped',
    given: [...onOneNode, instanceDeleted],
    when: download('Failed'),
    then: false,
  },
  {
    name: '[N2] verified files that nothing wants any more → admitted, they are there',
    given: [...onOneNode, instanceDeleted],
    when: download('Completed'),
    then: true,
  },
  {
    name: '[N2] a download on a node that never joined → dropped',
    given: [joined(ada), created()],
    when: download('Completed', bob),
    then: false,
  },
];

test.each(rows)('$name', ({ given: events, when, then }) => {
  expect(admit(given(...events), when)).toBe(then);
});
