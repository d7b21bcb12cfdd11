import type { ModelCard } from '../../../core/model-card.ts';
import type { NodeApi } from '../../api.ts';
import { HttpError } from '../http-error.ts';

/** @throws HttpError 404 that names what is known */
export function knownCard(api: NodeApi, modelId: string, param: string): ModelCard {
  const card = api.models().find((each) => each.modelId === modelId);
  if (card !== undefined) return card;
  const known = api.models().map((each) => each.modelId);
  const help = known.length === 0 ? 'none is known here' : `known are ${known.slice(0, 10).join(', ')}`;
  throw new HttpError(404, `There is no model ${modelId.slice(0, 160)}; ${help}.`, { param });
}
