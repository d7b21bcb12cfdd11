/** Something set-up cannot go on without; told to people as it stands, without a stack. */
export class SetUpFailure extends Error {
  /**
   * @param {string} what what is missing or went wrong, one sentence
   * @param {string} remedy what the person can do, one or more lines
   * @param {string} [detail] the last lines of the failed tool
   */
  constructor(what, remedy, detail = '') {
    super(what);
    this.name = 'SetUpFailure';
    this.remedy = remedy;
    this.detail = detail;
  }
}

/**
 * @param {unknown} error
 * @returns {string} what to print for an error that ended set-up
 */
export function describeFailure(error) {
  if (!(error instanceof SetUpFailure)) {
    return `Set-up failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
  const detail = error.detail === '' ? '' : `\n${error.detail.trimEnd().replace(/^/gm, '    | ')}`;
  return `Set-up stopped: ${error.message}${detail}\n${error.remedy.replace(/^/gm, '  → ')}`;
}
