import { expect, test } from 'vitest';
import { formatBytes, GiB, KiB, MiB } from '../../main/core/unit.ts';

test.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [KiB, '1.00 KiB'],
  [92.94 * MiB, '92.9 MiB'],
  [1.5 * GiB, '1.50 GiB'],
  [414 * GiB, '414 GiB'],
  [1_023.9 * MiB, '1.00 GiB'],
  [1_000 * MiB, '1000 MiB'],
  [5_000 * 1_024 * GiB, '5000 TiB'],
  [-2 * GiB, '-2.00 GiB'],
])('%d bytes read %j', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
