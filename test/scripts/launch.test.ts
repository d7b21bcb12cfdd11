import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { bareCheckout, pretendSetUp, runNode, startNode, until } from './support/checkout.ts';

const WAITS_FOR_SIGNALS = `
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => { console.log('got ' + signal); process.exit(7); });
}
console.log('pid ' + process.pid);
setInterval(() => {}, 1000);
`;

function checkoutWith(headless: string): string {
  const root = bareCheckout({ 'main/headless.ts': headless, 'main/package.json': '{"type":"module"}' });
  pretendSetUp(root);
  return root;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('the skein command', () => {
  test('given a checkout that is not set up, it says how to set it up and fails', async () => {
    const root = bareCheckout();
    const { code, stderr } = await runNode(['scripts/skein.mjs', 'ls'], { cwd: root });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `Skein is not set up yet: run \`npm run setup\` in ${root}\n`,
    });
  });

  test('arguments, working folder, output and exit code are those of the program', async () => {
    const root = checkoutWith(`
      const kind: string = 'typescript';
      console.log(JSON.stringify([kind, process.cwd(), process.argv.slice(2)]));
      console.error('to stderr');
      process.exit(42);
    `);
    const { code, stdout, stderr } = await runNode(
      [path.join(root, 'scripts/skein.mjs'), 'chat', '--json', 'hello you'],
      {
        cwd: path.join(root, 'main'),
      },
    );
    expect({ code, said: JSON.parse(stdout) as unknown, stderr }).toEqual({
      code: 42,
      said: ['typescript', path.join(root, 'main'), ['chat', '--json', 'hello you']],
      stderr: 'to stderr\n',
    });
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    '%s reaches the program once, and no process is left',
    async (signal) => {
      const root = checkoutWith(WAITS_FOR_SIGNALS);
      const { child, output, finished } = startNode(['scripts/skein.mjs', 'serve'], { cwd: root });
      await until(() => /pid \d+\n/.test(output.stdout), 'the program runs');
      const pid = Number(/pid (\d+)/.exec(output.stdout)?.[1]);
      child.kill(signal);
      const { code, stdout } = await finished;
      expect({ code, said: stdout.split('\n').slice(1), alive: isAlive(pid) }).toEqual({
        code: 7,
        said: [`got ${signal}`, ''],
        alive: false,
      });
    },
  );

  test('given a program that a signal ends, it exits with 128 + the number of the signal', async () => {
    const root = checkoutWith(`process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);`);
    const { code } = await runNode(['scripts/skein.mjs'], { cwd: root });
    expect(code).toBe(137);
  });
});
