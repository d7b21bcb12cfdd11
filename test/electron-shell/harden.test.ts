import { describe, expect, it } from 'vitest';
import { isOutward } from '../../main/electron/harden.ts';

describe('links that the system’s browser is asked to open', () => {
  it.each([
    ['a page', 'https://example.org/a?b=c#d', true],
    ['a port', 'https://example.org:8443/', true],
    ['no encryption', 'http://example.org/', false],
    ['a script', 'javascript:alert(1)', false],
    ['a file', 'file:///etc/passwd', false],
    ['data', 'data:text/html,x', false],
    ['a page of the app', 'app://skein/index.html', false],
    ['another program', 'ms-msdt:/id', false],
    ['a share of the network', '\\\\server\\share', false],
    ['a name to log in with', 'https://ada@example.org/', false],
    ['a password', 'https://:secret@example.org/', false],
    ['no address', 'example.org', false],
    ['nothing', '', false],
    ['the longest', `https://example.org/${'a'.repeat(2_048 - 20)}`, true],
    ['one longer', `https://example.org/${'a'.repeat(2_049 - 20)}`, false],
  ])('given %s, it is decided', (_name, url, opens) => {
    expect(isOutward(url)).toBe(opens);
  });
});
