import { describe, expect, it } from 'vitest';
import { MAX_LINK_TEXT, Opening } from '../../main/core/contract/ipc-app.ts';
import { linkIn, parseLink } from '../../main/electron/deep-link.ts';

describe('a link that is followed', () => {
  it.each<[string, string, Opening]>([
    ['a bare chat', 'skein://chat', { type: 'Chat' }],
    ['a text', 'skein://chat?text=Hello%20there', { type: 'Chat', text: 'Hello there' }],
    ['a text under its other name', 'skein://chat?prompt=Hello', { type: 'Chat', text: 'Hello' }],
    ['both names', 'skein://chat?prompt=no&text=yes', { type: 'Chat', text: 'yes' }],
    ['a plus sign for a space', 'skein://chat?text=a+b', { type: 'Chat', text: 'a b' }],
    ['lines and signs', 'skein://chat?text=a%0Ab%20%3Cb%3E', { type: 'Chat', text: 'a\nb <b>' }],
    ['a model', 'skein://chat?model=writer', { type: 'Chat', target: 'writer' }],
    ['what it does not know', 'skein://chat?send=1&text=a', { type: 'Chat', text: 'a' }],
    ['capitals', 'SKEIN://CHAT?text=A', { type: 'Chat', text: 'A' }],
    [
      'the longest text',
      `skein://chat?text=${'x'.repeat(MAX_LINK_TEXT)}`,
      { type: 'Chat', text: 'x'.repeat(MAX_LINK_TEXT) },
    ],
    ['a bare pairing', 'skein://pair', { type: 'Pair' }],
    ['a code', 'skein://pair?code=K7QM2-X9F4T', { type: 'Pair', code: 'K7QM2-X9F4T' }],
    ['a slash at the end', 'skein://pair/?code=AB', { type: 'Pair', code: 'AB' }],
  ])('given %s, it opens what it says, as the contract with pages has it', (_name, link, opening) => {
    expect(parseLink(link)).toEqual({ ok: true, value: opening });
    expect(Opening.parse(opening)).toEqual(opening);
  });
});

describe('a link that is refused', () => {
  it.each([
    ['another scheme', 'https://chat?text=a', 'not a skein:// link'],
    ['no link', 'chat', 'not a skein:// link'],
    ['nothing', '', 'not a skein:// link'],
    ['a place that is not there', 'skein://format?disk=1', 'not skein://format'],
    ['a place with a very long name', `skein://${'a'.repeat(200)}`, `skein://${'a'.repeat(40)}.`],
    ['no place', 'skein:chat', 'Skein knows'],
    ['a text beyond the bound', `skein://chat?text=${'x'.repeat(MAX_LINK_TEXT + 1)}`, String(MAX_LINK_TEXT)],
    [
      'the same under its other name',
      `skein://chat?prompt=${'x'.repeat(MAX_LINK_TEXT + 1)}`,
      'this one has more',
    ],
    ['a model beyond the bound', `skein://chat?model=${'x'.repeat(257)}`, '256'],
    ['more than any link may have', `skein://chat?x=${'x'.repeat(20_000)}`, '16384'],
    ['a code with markup', 'skein://pair?code=%3Cb%3E', 'letters, digits and dashes'],
    ['an empty code', 'skein://pair?code=', 'letters, digits and dashes'],
    ['a code beyond the bound', `skein://pair?code=${'A'.repeat(65)}`, 'letters, digits and dashes'],
  ])('given %s, it says why', (_name, link, why) => {
    expect(parseLink(link)).toEqual({ ok: false, error: expect.stringContaining(why) });
  });
});

describe('the link of a command line', () => {
  it.each([
    ['among flags', ['skein', '--no-sandbox', 'skein://chat'], 'skein://chat'],
    ['in capitals', ['skein', 'SKEIN://pair'], 'SKEIN://pair'],
    ['the first of two', ['skein://chat', 'skein://pair'], 'skein://chat'],
    ['none, but a program and a file of that name', ['/opt/skein', 'skein.txt'], undefined],
    ['none', [], undefined],
  ])('given one %s, it is found', (_name, words, link) => {
    expect(linkIn(words)).toBe(link);
  });
});
