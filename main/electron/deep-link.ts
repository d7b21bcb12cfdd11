import { MAX_LINK_TEXT, type Opening } from '../core/contract/ipc-app.ts';
import { refused, ok, type Result } from '../core/result.ts';

export const LINK_SCHEME = 'skein';

const MAX_LINK = 16_384;

/**
 * `skein://chat?text=…&model=…` begins a conversation (`prompt` is another name of `text`), `skein://pair?code=…` opens
 * the dialog for joining. Anybody may write such a link: what it says is typed for the person, who decides whether it
 * is sent.
 */
export function parseLink(text: string): Result<Opening, string> {
  if (text.length > MAX_LINK) return refused(`A skein:// link is longer than ${MAX_LINK} characters.`);
  const url = URL.parse(text);
  if (url?.protocol !== `${LINK_SCHEME}:`) return refused('It is not a skein:// link.');
  const wanted = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  // Of a scheme that is not the web's, the parser leaves the name as it was written.
  switch (url.hostname.toLowerCase()) {
    case 'chat': {
      const [said, target] = [wanted('text') ?? wanted('prompt'), wanted('model')];
      if ((said?.length ?? 0) > MAX_LINK_TEXT)
        return refused(`The text of a link may have ${MAX_LINK_TEXT} characters; this one has more.`);
      if ((target?.length ?? 0) > 256) return refused('The model of a link may have 256 characters.');
      return ok({
        type: 'Chat',
        ...(said !== undefined && { text: said }),
        ...(target !== undefined && { target }),
      });
    }
    case 'pair': {
      const code = wanted('code');
      if (code !== undefined && !/^[\p{L}\p{N} -]{1,64}$/u.test(code))
        return refused('The code of a pairing link has letters, digits and dashes only.');
      return ok({ type: 'Pair', ...(code !== undefined && { code }) });
    }
    default:
      return refused(`Skein knows skein://chat and skein://pair, not skein://${url.hostname.slice(0, 40)}.`);
  }
}

/** The link among the words of a command line, as the system hands it to a program. */
export const linkIn = (words: readonly string[]): string | undefined =>
  words.find((word) => word.toLowerCase().startsWith(`${LINK_SCHEME}:`));
