/** The worker of `remote-runner-host.ts`: it waits for answers while the test's own thread stands still. */
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';

const { path, flag, answers } = workerData as {
  readonly path: string;
  readonly flag: Int32Array;
  readonly answers: MessagePort;
};

const server = createServer((socket) => {
  server.close();
  socket.on('error', () => socket.destroy());
  socket.on('close', () => parentPort?.close());
  createInterface(socket).on('line', (line) => {
    const message = JSON.parse(line) as { readonly answer?: unknown };
    if ('answer' in message) {
      answers.postMessage(message.answer);
      Atomics.add(flag, 0, 1);
      Atomics.notify(flag, 0);
    } else {
      parentPort?.postMessage(message);
    }
  });
  parentPort?.on('message', (ask) => void socket.write(`${JSON.stringify(ask)}\n`));
});
server.listen(path, () => parentPort?.postMessage({ listening: true }));
