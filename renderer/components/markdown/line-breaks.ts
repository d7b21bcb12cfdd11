interface MarkdownNode {
  type: string;
  value?: string;
  children?: MarkdownNode[];
}

/**
 * A remark plugin: `<br>`, the one tag that models write into table cells, breaks the line. All other HTML is shown
 * as the text it is.
 */
export function lineBreaks(): (tree: MarkdownNode) => void {
  return breakLines;
}

function breakLines(node: MarkdownNode): void {
  if (node.type === 'html' && /^<br\s*\/?>$/i.test(node.value?.trim() ?? '')) {
    node.type = 'break';
    delete node.value;
  }
  for (const child of node.children ?? []) breakLines(child);
}
