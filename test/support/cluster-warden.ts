import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Waits until its standard input ends, which the end of the test process does too, however it came about. Then it ends
 * every process whose `TMPDIR` lies in the folder, takes away mounts, links and namespaces of the tag, and the folder.
 */
const script = `
folder=$1 tag=$2
trap '' INT TERM HUP
cat > /dev/null
for round in 1 2 3 4 5; do
  left=0
  for entry in $(grep -lzs "^TMPDIR=$folder\\(/\\|$\\)" /proc/[0-9]*/environ); do
    pid=\${entry#/proc/}
    kill -KILL "\${pid%/environ}" 2> /dev/null && left=1
  done
  [ $left = 0 ] && break
  sleep 0.1
done
awk -v at="$folder/" 'index($2, at) == 1 { print $2 }' /proc/mounts 2> /dev/null | while read -r mount; do
  umount -l "$mount"
done
if [ -n "$tag" ]; then
  ip netns list 2> /dev/null | awk '{ print $1 }' | grep "^$tag" | while read -r name; do ip netns del "$name"; done
  ip -o link show 2> /dev/null | awk -F '[:@ ]+' '{ print $2 }' | grep "^$tag" | while read -r name; do
    ip link del "$name" 2> /dev/null
  done
fi
rm -rf "$folder"
`;

const CLEANUP_MS = 15_000;

/** Cleans up behind a cluster of real processes, also when the test process is killed. */
export class Warden {
  readonly #child: ChildProcess;

  /**
   * @param folder of everything the processes write; absolute
   * @param tag with which the names of namespaces and links begin; empty = there are none
   */
  constructor(folder: string, tag: string) {
    // A group of its own: Ctrl-C in a terminal ends the test, and then this has its work.
    this.#child = spawn('sh', ['-c', script, 'warden', folder, tag], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#child.unref();
  }

  /** Cleans up; resolves when nothing is left. May be called twice. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.ref();
    child.stdin?.end();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the cluster was not cleaned up in time')), CLEANUP_MS);
    });
    try {
      await Promise.race([ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
