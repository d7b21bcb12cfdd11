import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { frameHeader, FrameReader, overFrame } from '../../core/contract/side-channel.ts';
import { SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';

export interface RankPipesListener {
  /** A frame of the rank; one at a time, until it was answered. */
  readonly onFrame: (bytes: Uint8Array) => void;
  /** The rank does not do as agreed; once, and nothing follows. */
  readonly onBroken: (why: string) => void;
}

/** A rank writes or reads one frame within this time, once it has begun. */
const FRAME_MS = 10 * SECOND;
const UNREAD = 'it did not read what the other ranks gave';
const MKFIFO_MS = 5 * SECOND;
/** Both ends, so that a pipe nobody else has open is neither at its end nor an error. */
const OPEN = constants.O_RDWR | constants.O_NONBLOCK;

/** The two pipes between one rank's runner and its node, in a folder of their own that only this user can enter. */
export class RankPipes {
  readonly up: string;
  readonly down: string;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #listener: RankPipesListener;
  readonly #reader = new FrameReader();
  readonly #in: Socket;
  readonly #out: Socket;
  #cancelDeadline: () => void = () => undefined;
  /** A frame was handed on and has no answer. */
  #asked = false;
  #over = false;
  #closed = false;

  /**
   * Blocks for the few ms that a system program takes to make the pipes: once for each attempt.
   * @param init.folder must exist; what is made in it is removed by `close`
   * @throws Error that says why there can be none
   */
  constructor(
    { clock }: { readonly clock: Clock },
    { folder, listener }: { readonly folder: string; readonly listener: RankPipesListener },
  ) {
    this.#clock = clock;
    this.#listener = listener;
    this.#folder = mkdtempSync(join(folder, 'rank-'));
    this.up = join(this.#folder, 'up');
    this.down = join(this.#folder, 'down');
    const open: number[] = [];
    try {
      execFileSync('mkfifo', ['-m', '600', this.up, this.down], { timeout: MKFIFO_MS, stdio: 'pipe' });
      open.push(openSync(this.up, OPEN), openSync(this.down, OPEN));
      const [up = -1, down = -1] = open;
      this.#in = new Socket({ fd: up, readable: true, writable: false });
      this.#out = new Socket({ fd: down, readable: false, writable: true });
    } catch (error) {
      for (const fd of open) closeSync(fd);
      rmSync(this.#folder, { recursive: true, force: true });
      throw error;
    }
    this.#in.on('data', (piece: Buffer) => this.#onPiece(piece));
    for (const pipe of [this.#in, this.#out])
      pipe.on('error', (error) => this.#break(`its pipe broke: ${error.message}`));
  }

  /** Where a file for the runner would lie beside the pipes. */
  pathOf(name: string): string {
    return join(this.#folder, name);
  }

  addFile(name: string, content: string): void {
    writeFileSync(this.pathOf(name), content, { mode: 0o600 });
  }

  /** What the rank waits for since its last frame. */
  answer(parts: readonly Uint8Array[]): void {
    if (this.#over || this.#closed || !this.#asked) return;
    if (this.#out.writableLength > 0) return this.#break(UNREAD);
    this.#asked = false;
    this.#write([frameHeader(parts.reduce((bytes, { length }) => bytes + length, 0)), ...parts]);
  }

  /** Its last frame: why there are no more rounds. */
  end(why: string): void {
    if (this.#over || this.#closed) return;
    this.#over = true;
    this.#cancelDeadline();
    this.#out.write(overFrame(Buffer.from(why)));
  }

  /** Nothing is left of it. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelDeadline();
    this.#in.destroy();
    this.#out.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #onPiece(piece: Uint8Array): void {
    if (this.#over || this.#closed) return;
    const frames = this.#reader.push(piece);
    if (frames === null) return this.#break('it wrote a frame of a length that is not allowed');
    this.#cancelDeadline();
    for (const frame of frames) {
      if (this.#asked) return this.#break('it wrote a second frame before the first was answered');
      this.#asked = true;
      this.#listener.onFrame(frame);
    }
    if (this.#reader.isWithin) this.#await('it did not end a frame that it began');
  }

  #write(pieces: readonly Uint8Array[]): void {
    this.#await(UNREAD);
    this.#out.cork();
    for (const piece of pieces.slice(0, -1)) this.#out.write(piece);
    this.#out.write(pieces.at(-1) ?? new Uint8Array(0), () => {
      if (!this.#over && !this.#reader.isWithin) this.#cancelDeadline();
    });
    this.#out.uncork();
  }

  #await(what: string): void {
    this.#cancelDeadline();
    this.#cancelDeadline = this.#clock.after(FRAME_MS, () =>
      this.#break(`${what} within ${FRAME_MS / SECOND} s`),
    );
  }

  #break(why: string): void {
    if (this.#over || this.#closed) return;
    this.end(why);
    this.#listener.onBroken(why);
  }
}
