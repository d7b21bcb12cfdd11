/** One line per step; on a terminal the running step's line is rewritten, elsewhere it speaks every few seconds. */

const TERMINAL_TICK_MS = 200;
const LOG_TICK_MS = 10_000;

/** @param {number} bytes @returns {string} e.g. `88.6 MB` */
export function formatBytes(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** @param {number} ms @returns {string} e.g. `12.3 s` */
export function formatTime(ms) {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/**
 * @param {NodeJS.WriteStream | {isTTY?: boolean, write(text: string): unknown}} out
 */
export function makeReport(out) {
  const terminal = out.isTTY === true;
  return {
    /** @param {string} text */
    line(text) {
      out.write(`${text}\n`);
    },

    /**
     * Runs one step under its title.
     * @param {string} title
     * @param {(progress: (text: string) => void) => Promise<string>} work returns what to say at the end
     */
    async step(title, work) {
      const started = performance.now();
      let progress = '';
      const say = () => {
        const text = `  … ${title} ${formatTime(performance.now() - started)} ${progress}`.trimEnd();
        out.write(terminal ? `\r\u001b[2K${text.slice(0, 110)}` : `${text}\n`);
      };
      if (terminal) say();
      const timer = setInterval(say, terminal ? TERMINAL_TICK_MS : LOG_TICK_MS);
      let mark = '✗';
      let detail = '';
      try {
        detail = await work((text) => {
          progress = text;
        });
        mark = '✓';
      } finally {
        clearInterval(timer);
        if (terminal) out.write('\r\u001b[2K');
        const parts = [title, detail, formatTime(performance.now() - started)].filter((part) => part !== '');
        out.write(`  ${mark} ${parts.join(', ')}\n`);
      }
    },
  };
}

/** @typedef {ReturnType<typeof makeReport>} Report */
