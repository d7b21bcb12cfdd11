/**
 * Asks Electron's main process by Playwright. It may be asked twice: nothing there waits for the promise that carries
 * the answer, and now and then V8 collects it before.
 */
export async function asked<Value>(ask: () => Promise<Value>): Promise<Value> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (tries === 5 || !String(error).includes('garbage collected')) throw error;
    }
  }
}
