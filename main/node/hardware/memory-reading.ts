export interface Memory {
  /** What this process could ever use: the machine's memory, or its container's limit. */
  readonly totalBytes: number;
  /** What new work may take without pressing others out; 0 to `totalBytes`. */
  readonly availableBytes: number;
  /** What can't be paged out, as a GPU's buffers; absent = the system does not tell. */
  readonly wiredBytes?: number;
}

/** One way to look at the memory. Rejects when the system says nothing that is understood. */
export type MemoryReader = () => Promise<Memory>;
