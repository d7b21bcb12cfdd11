const OUTWARD = /^(?:https?:\/\/|mailto:)/i;

/**
 * The address a link of an answer may lead to, or null: only the web and mail. Everything else that a model could
 * write (`javascript:`, `data:`, `file:`, an address within this page) is no link at all.
 */
export function outwardLink(address: string | undefined | null): string | null {
  if (address === undefined || address === null || !OUTWARD.test(address) || !URL.canParse(address))
    return null;
  return address;
}
