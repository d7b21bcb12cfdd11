import { describe } from 'vitest';
import { hasCpuKernels } from '../native/support/native-tests.ts';
import { groupSuite } from './group.suite.ts';

describe.runIf(hasCpuKernels)('where the native test program is built', () => {
  groupSuite('the TCP group', { join: 'join', deadlines: true });
  // As RDMA's, over sockets: the adapter of MLX's groups is the same.
  groupSuite('a group of MLX, the ring', { join: 'join_ring', deadlines: false });
});
