import type { MetaInstanceSpec, SpecChanges } from './meta-instance.ts';

type Field = keyof MetaInstanceSpec;

/** What a running Instance need not be replaced for. */
const besideTheInstance: ReadonlySet<Field> = new Set(['paused', 'priority', 'preempt', 'idleUnloadSeconds']);

/** The fields in which two specs differ; absent and undefined are the same. */
export function changedFields(before: MetaInstanceSpec, after: MetaInstanceSpec): readonly Field[] {
  const fields = new Set([...Object.keys(before), ...Object.keys(after)] as Field[]);
  return [...fields].filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]));
}

/** The spec after an edit. */
export function editedSpec(spec: MetaInstanceSpec, changes: SpecChanges): MetaInstanceSpec {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  const after: Readonly<Record<string, unknown>> = { ...spec, ...Object.fromEntries(given) };
  return Object.fromEntries(Object.entries(after).filter(([, value]) => value !== null)) as MetaInstanceSpec;
}

/** Whether an edit asks for another try of one that failed: a pause or a resume does not [L10]. */
export function asksForAnotherTry(before: MetaInstanceSpec, after: MetaInstanceSpec): boolean {
  return changedFields(before, after).some((field) => field !== 'paused');
}

/** Whether an Instance placed for the one spec does not serve the other [L11]. */
export function asksForAnotherInstance(before: MetaInstanceSpec, after: MetaInstanceSpec): boolean {
  return changedFields(before, after).some((field) => !besideTheInstance.has(field));
}
