import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeFailure, SetUpFailure } from '../../scripts/setup/failure.mjs';
import { toolFailure } from '../../scripts/setup/child.mjs';
import { readPins } from '../../scripts/setup/pins.mjs';
import { checkDisk, checkNode, findTool, missingTools } from '../../scripts/setup/tools.mjs';
import { bareCheckout, runNode, temporaryFolder } from './support/checkout.ts';

function failureOf(call: () => unknown): SetUpFailure {
  try {
    call();
  } catch (error) {
    if (error instanceof SetUpFailure) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

describe('what set-up says when something is missing', () => {
  test('given a machine with nothing but Node, it names all that is missing at once and how to get it', async () => {
    const root = bareCheckout();
    const { code, stderr } = await runNode(['scripts/setup.mjs'], { cwd: root, env: { PATH: root } });
    expect(code).toBe(1);
    expect(stderr).toContain(
      'Set-up stopped: this machine lacks npm, python3, pip, a C++ compiler, cmake, make\n',
    );
    if (process.platform === 'linux') {
      expect(stderr).toContain('apt-get install -y npm python3 python3-pip g++ cmake make');
    }
  });

  test('given only npm, start says the same and starts nothing', async () => {
    const root = bareCheckout();
    const tools = path.join(root, 'tools');
    mkdirSync(tools);
    symlinkSync(findTool('npm') ?? '', path.join(tools, 'npm'));
    const { code, stdout, stderr } = await runNode(['scripts/start.mjs'], {
      cwd: root,
      env: { PATH: tools },
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('this machine lacks python3, pip, a C++ compiler, cmake, make\n');
  });

  test('on a Mac the remedies are those of a Mac, each once', () => {
    const failure = missingTools(['python3', 'compiler', 'make'], 'darwin');
    expect(failure.remedy).toBe('xcode-select --install\nThen run this again.');
  });

  test('an Intel Mac is refused with the reason, and so is an unknown machine', () => {
    expect(failureOf(() => readPins('darwin-x64')).remedy).toContain('MLX needs Apple silicon');
    const failure = failureOf(() => readPins('win32-x64'));
    expect(describeFailure(failure)).toBe(
      'Set-up stopped: there is no engine for win32-x64\n' +
        '  → Skein runs on linux-x64 and darwin-arm64: Apple silicon Macs (macOS 14+) and x86-64 Linux (glibc 2.35+).',
    );
  });

  test('an old Node is refused', () => {
    expect(failureOf(() => checkNode('18.20.4')).message).toBe(
      'this is Node 18.20.4, and set-up needs Node 20 or later',
    );
    expect(() => checkNode('20.0.0')).not.toThrow();
  });

  test('a full disk is refused with both figures', () => {
    const folder = temporaryFolder();
    expect(failureOf(() => checkDisk(folder, 1e18)).message).toMatch(
      /^set-up needs about 1000000000\.0 GB of disk, and \d+\.\d GB are free in /,
    );
    expect(() => checkDisk(folder, 1)).not.toThrow();
  });

  test.each([
    'npm error code ENOTFOUND',
    'getaddrinfo EAI_AGAIN registry',
    "WARNING: Retrying: NewConnectionError('Failed to establish a new connection')",
  ])('given a tool that ends with `%s`, the network is named as the cause', (output) => {
    expect(toolFailure('mlx-cpu could not be downloaded', output).message).toBe(
      'mlx-cpu could not be downloaded: no network, or the package registry cannot be reached',
    );
  });

  test('given npm explaining itself at length, the cause is shown and not the manual', () => {
    const manual = Array.from({ length: 40 }, (_, line) => `npm error   --option-${line}`).join('\n');
    const failure = toolFailure(
      'npm',
      `npm error code EUSAGE\nnpm error Missing: x\nnpm error Usage:\n${manual}`,
    );
    expect(failure.detail).toBe('npm error code EUSAGE\nnpm error Missing: x');
  });
});
