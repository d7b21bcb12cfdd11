import { connect, type Server, type Socket } from 'node:net';

/**
 * Entry of a process inside a network namespace. It is given a socket that listens outside, and hands every connection
 * on to the port of its argument on the loopback interface inside. Ends with the process that started it.
 */
const port = Number(process.argv[2]);

process.on('disconnect', () => process.exit(0));
process.on('message', (_message: unknown, server: unknown) => {
  (server as Server).on('connection', (outside: Socket) => {
    const inside = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    outside.on('error', () => inside.destroy()).on('close', () => inside.destroy());
    inside.on('error', () => outside.resetAndDestroy()).on('close', () => outside.destroy());
    outside.pipe(inside);
    inside.pipe(outside);
  });
  process.send?.('ready');
});
