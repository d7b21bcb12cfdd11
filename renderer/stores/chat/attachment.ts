/** A text file that goes with a message. */
export interface Attachment {
  readonly name: string;
  readonly text: string;
}

/** Largest file that is taken, in bytes: more would fill any model's context. */
export const MAX_ATTACHMENT_BYTES = 256 * 1024;
export const MAX_ATTACHMENTS = 8;

export type AttachmentProblem = 'TooLarge' | 'NotText' | 'TooMany' | 'Unreadable';

/** The text of a file's bytes, or why it is none that a model could read. */
export function attachmentOf(name: string, bytes: Uint8Array): Attachment | AttachmentProblem {
  if (bytes.length > MAX_ATTACHMENT_BYTES) return 'TooLarge';
  if (bytes.includes(0)) return 'NotText';
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { name: plainName(name), text: text.replace(/\r\n?/g, '\n') };
  } catch {
    return 'NotText';
  }
}

/** A name that stays on its line and within its quotes. */
function plainName(name: string): string {
  const plain = name
    .replace(/[\p{Cc}"`]/gu, '')
    .trim()
    .slice(-120);
  return plain === '' ? 'file' : plain;
}

/** The message as the model reads it: each file fenced under its name, then what was written. */
export function withAttachments(text: string, attachments: readonly Attachment[]): string {
  const files = attachments.map((file) => {
    const fence = fenceFor(file.text);
    return `File "${file.name}":\n${fence}${extension(file.name)}\n${file.text}\n${fence}\n\n`;
  });
  return files.join('') + text;
}

const FILE = /^File "([^"\n]+)":\n(`{3,})[^\n`]*\n/;

/** The files and the words of a message that `withAttachments` put together. */
export function splitAttachments(content: string): {
  readonly text: string;
  readonly attachments: readonly Attachment[];
} {
  const attachments: Attachment[] = [];
  let rest = content;
  for (let head = FILE.exec(rest); head !== null; head = FILE.exec(rest)) {
    const [whole, name = '', fence = ''] = head;
    const end = rest.indexOf(`\n${fence}\n\n`, whole.length - 1);
    if (end === -1) break;
    attachments.push({ name, text: rest.slice(whole.length, end) });
    rest = rest.slice(end + fence.length + 3);
  }
  return { text: rest, attachments };
}

/** More backticks than any line of the text begins with. */
function fenceFor(text: string): string {
  const longest = Array.from(text.matchAll(/`{3,}/g), ([ticks]) => ticks.length);
  return '`'.repeat(Math.max(2, ...longest) + 1);
}

function extension(name: string): string {
  return /\.([A-Za-z0-9]{1,10})$/.exec(name)?.[1]?.toLowerCase() ?? '';
}
