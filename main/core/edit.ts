import type { MetaInstanceSpec } from './meta-instance.ts';

type Field = keyof MetaInstanceSpec;

/** What a running Instance need not be replaced for. */
const besideTheInstance: ReadonlySet<Field> = new Set(['paused']);

/** The fields in which two specs differ; absent and undefined are the same. */
export function changedFields(before: MetaInstanceSpec, after: MetaInstanceSpec): readonly Field[] {
  const fields = new Set([...Object.keys(before), ...Object.keys(after)] as Field[]);
  return [...fields].filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]));
}

/** Whether an Instance placed for the one spec does not serve the other [L11]. */
export function asksForAnotherInstance(before: MetaInstanceSpec, after: MetaInstanceSpec): boolean {
  return changedFields(before, after).some((field) => !besideTheInstance.has(field));
}
