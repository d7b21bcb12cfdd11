import {
  CandidatesAnswer,
  PlacementAnswer,
  PlacementQuery,
  PreviewsAnswer,
  PreviewsQuery,
} from '../../../core/contract/rest-placement.ts';
import type { Preview } from '../../../core/placement/preview.ts';
import { HttpError } from '../http-error.ts';
import { previewFor, previewsFor } from '../operation/placement.ts';
import {
  candidateInstance,
  candidatesView,
  givesWayView,
  predictionView,
  previewsView,
} from '../placement-view.ts';
import { okAnswer, route, type Route } from '../route.ts';

const repeated = ['node_ids'];

/** Before `/instance/:id`: these words are no ids. */
export const placementRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/instance/previews',
    summary: 'Where a model would run, for every sharding, interconnect and number of nodes.',
    query: PreviewsQuery,
    repeated,
    answers: { 200: { description: 'One entry each, possible or not.', schema: PreviewsAnswer } },
    handle: ({ query }, { api, clock }) => {
      const { state, previews } = previewsFor(api, clock, query);
      return okAnswer(previewsView(state, previews));
    },
  }),
  route({
    method: 'get',
    path: '/instance/placement',
    summary: 'The best place for a model, as an Instance that does not exist; 400 says why there is none.',
    query: PlacementQuery,
    repeated,
    answers: { 200: { description: 'The Instance and what is expected of it.', schema: PlacementAnswer } },
    handle: ({ query }, { api, clock }) => {
      const found = previewFor(api, clock, query);
      const [best] = found.candidates;
      if (best === undefined) throw new HttpError(400, whyNot(found));
      return okAnswer({
        ...candidateInstance(best, found.request),
        prediction: predictionView(api.state(), best),
        gives_way: givesWayView(api.state(), found),
      });
    },
  }),
  route({
    method: 'get',
    path: '/instance/candidates',
    summary: 'All good places for a model, the best first; what was ruled out and why; what would help.',
    query: PlacementQuery,
    repeated,
    answers: { 200: { description: 'Places, or why there are none.', schema: CandidatesAnswer } },
    handle: ({ query }, { api, clock }) =>
      okAnswer(candidatesView(api.state(), previewFor(api, clock, query), query.meta_instance_id ?? null)),
  }),
];

function whyNot({ problem, changes }: Preview): string {
  const help = changes.length === 0 ? '' : `. Any of these would help: ${changes.join('; ')}`;
  return `${problem?.message ?? 'There is no place'}${help}`;
}
