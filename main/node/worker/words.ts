import type { Instance } from '../../core/instance.ts';
import type { WorkerAction } from '../../core/worker/plan.ts';

/** For whoever waits for an answer that a decision cut off. @param again the Instance, where it is to come back */
export const cutOff = (reason: string, again?: Instance): string =>
  `The answer was cut off: ${reason}.${again === undefined ? '' : nextOf(again)}`;

/** The same for what nobody wanted: says where it was, and what comes next. @param failure whole sentences */
export const cutOffBy = (
  failure: string,
  { instance, where }: { readonly instance: Instance; readonly where: string },
): string => `The answer was cut off on ${where}. ${failure}${nextOf(instance)}`;

/** One that was placed by itself is not started again [L14]. */
const nextOf = ({ metaInstanceId }: Instance): string =>
  metaInstanceId === null ? '' : ' Skein starts the model again where it can; ask again in a moment.';

/** Of what it does to what. */
export function nameOf(action: WorkerAction): string {
  switch (action.type) {
    case 'StartDownload':
      return `${action.type} ${action.card.modelId}`;
    case 'CancelDownload':
      return `${action.type} ${action.modelId}`;
    default:
      return `${action.type} ${action.runnerId}`;
  }
}
