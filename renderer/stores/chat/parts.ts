/** What an answer is made of, in order. */
export type Part =
  | { readonly type: 'text'; readonly text: string }
  /** What the model thought before it answered; `open` = it still does. */
  | { readonly type: 'reasoning'; readonly text: string; readonly open: boolean }
  /** A call of a tool, as models write it into their text. `name` '' = not readable yet. */
  | { readonly type: 'tool'; readonly name: string; readonly source: string; readonly open: boolean };

const THINK = '<think>';
const THINK_END = '</think>';
const TOOL = /^[ \t]*<tool_call>/m;
const TOOL_END = '</tool_call>';

/** Takes an answer apart. Some models are begun within their thinking, so that only its end is in the text. */
export function answerParts(answer: string): readonly Part[] {
  const lead = answer.length - answer.trimStart().length;
  const end = answer.indexOf(THINK_END);
  if (answer.startsWith(THINK, lead)) {
    const from = lead + THINK.length;
    if (end === -1) return [reasoning(answer.slice(from), true)];
    return [reasoning(answer.slice(from, end), false), ...toolParts(answer.slice(end + THINK_END.length))];
  }
  // A tag that is only half there yet is not shown as text for a moment.
  if (answer.length > lead && THINK.startsWith(answer.slice(lead))) return [reasoning('', true)];
  if (end !== -1 && !answer.slice(0, end).includes('`'))
    return [reasoning(answer.slice(0, end), false), ...toolParts(answer.slice(end + THINK_END.length))];
  return toolParts(answer);
}

/** The answer without what was thought: what people copy and what the model is told of its own earlier words. */
export function spokenText(answer: string): string {
  const spoken = answerParts(answer).flatMap((part) =>
    part.type === 'text'
      ? [part.text]
      : part.type === 'tool'
        ? [`<tool_call>${part.source}</tool_call>`]
        : [],
  );
  return spoken.join('\n').trim();
}

function reasoning(text: string, open: boolean): Part {
  return { type: 'reasoning', text: text.trim(), open };
}

function toolParts(text: string): readonly Part[] {
  const parts: Part[] = [];
  let rest = text;
  for (let found = TOOL.exec(rest); found !== null; found = TOOL.exec(rest)) {
    const before = rest.slice(0, found.index);
    if (before.trim() !== '') parts.push({ type: 'text', text: before });
    const from = found.index + found[0].length;
    const end = rest.indexOf(TOOL_END, from);
    const source = rest.slice(from, end === -1 ? undefined : end).trim();
    parts.push({ type: 'tool', name: toolName(source), source, open: end === -1 });
    rest = end === -1 ? '' : rest.slice(end + TOOL_END.length);
  }
  if (rest.trim() !== '') parts.push({ type: 'text', text: rest.trimStart() });
  return parts;
}

function toolName(source: string): string {
  return (
    /"name"\s*:\s*"([^"]{1,100})"/.exec(source)?.[1] ?? /<function=([^>\s]{1,100})>/.exec(source)?.[1] ?? ''
  );
}
