import { expect, it } from 'vitest';
import { abortAtOnce } from '../../../main/node/peer/abort.ts';

it('a connection whose last word can not be sent any more is ended all the same, and its node lives', () => {
  // As libp2p's does when the other side was silent for long: the muxer closes, then fails to say so.
  let isMuxerOpen = true;
  let isSocketOpen = true;
  const connection = {
    abort: (): void => {
      const wasOpen = isMuxerOpen;
      isMuxerOpen = false;
      if (wasOpen) throw new Error('Cannot write to a stream that is closed');
      isSocketOpen = false;
    },
  };
  abortAtOnce(connection, 'it was silent');
  expect({ isMuxerOpen, isSocketOpen }).toEqual({ isMuxerOpen: false, isSocketOpen: false });
});
