import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** What identifies a runner process after its node is gone. */
export const PidRecord = z.strictObject({
  pid: z.int().min(2),
  /** The node that started it. */
  parentPid: z.int().min(1),
  /** What of its command line tells it from every other process; all of it must be there. */
  marks: z.array(z.string().min(1)).min(1),
  runnerId: z.string().min(1),
});
export type PidRecord = z.infer<typeof PidRecord>;

/** One small file per living runner. A hint, not a truth: whoever reads it checks the process itself. */
export class PidFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Errors are swallowed: a full disk must not keep a model from running, only orphans from being found. */
  add(record: PidRecord): void {
    try {
      mkdirSync(this.#folder, { recursive: true });
      writeFileSync(this.#path(record.pid), JSON.stringify(record));
    } catch {
      return;
    }
  }

  remove(pid: number): void {
    try {
      rmSync(this.#path(pid), { force: true });
    } catch {
      return;
    }
  }

  /** All readable records; files that are torn or foreign are removed. */
  records(): readonly PidRecord[] {
    const records: PidRecord[] = [];
    for (const name of this.#names()) {
      const parsed = PidRecord.safeParse(readJson(join(this.#folder, name)));
      if (parsed.success) records.push(parsed.data);
      else rmSync(join(this.#folder, name), { force: true });
    }
    return records;
  }

  #names(): readonly string[] {
    try {
      return readdirSync(this.#folder).filter((name) => /^\d+\.json$/.test(name));
    } catch {
      return [];
    }
  }

  #path(pid: number): string {
    return join(this.#folder, `${pid}.json`);
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
