import { moment } from '../../support/e2e-until.ts';

/** Far more than any answer takes; one that was collected in silence never comes. */
const ANSWER_MS = 10_000;
const LOST = 'garbage collected';

/**
 * Asks Electron's main process by Playwright. It may be asked more than once: nothing there waits for the promise that
 * carries the answer, and now and then V8 collects it before; then the driver hears so, or nothing at all.
 */
export async function asked<Value>(ask: () => Promise<Value>, answerMs = ANSWER_MS): Promise<Value> {
  for (let tries = 1; ; tries += 1) {
    try {
      const late = moment(answerMs).then(() => Promise.reject(new Error(`no answer, perhaps ${LOST}`)));
      late.catch(() => undefined);
      return await Promise.race([ask(), late]);
    } catch (error) {
      if (tries === 5 || !String(error).includes(LOST)) throw error;
    }
  }
}
