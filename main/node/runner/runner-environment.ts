/** All that a runner gets of this process's environment; the rest may hold secrets. */
const passedOn = [
  'HOME',
  'LANG',
  'NODE_COMPILE_CACHE',
  'OPENBLAS_CORETYPE',
  'PATH',
  'SKEIN_ADDON',
  'SKEIN_CPU_KERNEL',
  'SKEIN_CPU_THREADS',
  'TMPDIR',
];

/** Work is split over our own threads; OpenBLAS' helper would only burn time while its library loads. */
const alwaysSet = { OPENBLAS_NUM_THREADS: '1' };

/** The cleaned environment of a runner process, with `added` on top. */
export function runnerEnvironment(added: Readonly<Record<string, string>> = {}): Record<string, string> {
  const environment: Record<string, string> = { ...alwaysSet };
  for (const name of passedOn) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return { ...environment, ...added };
}
