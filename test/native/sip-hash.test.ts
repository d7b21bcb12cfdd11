import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasCpuKernels, NativeTests } from './support/native-tests.ts';

describe.runIf(hasCpuKernels)('SipHash-2-4 with 128 bits', () => {
  let native: NativeTests;
  beforeAll(() => {
    native = new NativeTests();
  });
  afterAll(() => native.close());

  const key = Buffer.from(Array.from({ length: 16 }, (_, index) => index)).toString('hex');
  it.each([
    { message: '', digest: 'a3817f04ba25a8e66df67214c7550293' },
    { message: '00', digest: 'da87c1d86b99af44347659119b22fc45' },
  ])("gives its authors' digest of '$message'", async ({ message, digest }) => {
    expect(await native.run('sip_hash', key, message)).toEqual({ digest });
  });
});
