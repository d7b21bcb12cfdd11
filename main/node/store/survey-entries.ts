import { END, type Stored } from './stored.ts';

/** Indexes `first` to `last`, both included, whose rows all pass their checksums. */
export interface Run {
  readonly first: number;
  readonly last: number;
}

/** The runs of sound entries, from below and, where a page can't be read, from above. */
export function surveyEntries(stored: Stored): {
  readonly runs: readonly Run[];
  readonly newest: number;
  readonly readable: boolean;
  readonly problem: string | undefined;
} {
  const sound: Run[] = [];
  let problem: string | undefined;
  let newest = 0;
  const scan = (order: 'ASC' | 'DESC', from: number): boolean => {
    try {
      for (const { idx, body } of stored.entries({ from, to: END, order })) {
        newest = Math.max(newest, idx);
        const previous = sound.at(-1);
        if (body === undefined) {
          problem ??= `event ${idx} fails its checksum`;
        } else if (previous && order === 'ASC' && idx === previous.last + 1) {
          sound[sound.length - 1] = { first: previous.first, last: idx };
        } else if (previous && order === 'DESC' && idx === previous.first - 1) {
          sound[sound.length - 1] = { first: idx, last: previous.last };
        } else {
          if (previous && order === 'ASC')
            problem ??= `events ${previous.last + 1} to ${idx - 1} are missing`;
          sound.push({ first: idx, last: idx });
        }
      }
      return true;
    } catch (error) {
      problem ??= `after event ${newest} a page can't be read (${(error as Error).message})`;
      return false;
    }
  };
  const readable = scan('ASC', 1);
  if (!readable) scan('DESC', newest + 1);
  return { runs: sound, newest, readable, problem };
}
