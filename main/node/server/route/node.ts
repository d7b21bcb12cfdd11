import { HealthAnswer } from '../../../core/contract/rest.ts';
import { NodeId } from '../../../core/id.ts';
import { okAnswer, route, type Route } from '../route.ts';

export const nodeRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/health',
    summary: 'Whether the node serves, which one it is and which version.',
    answers: { 200: { description: 'It serves.', schema: HealthAnswer } },
    handle: (_exchange, { api }) =>
      okAnswer({ status: 'ok', version: api.version, node_id: api.nodeId } satisfies HealthAnswer),
  }),
  route({
    method: 'get',
    path: '/node_id',
    summary: "This node's id.",
    answers: { 200: { description: 'The id as a JSON string.', schema: NodeId } },
    handle: (_exchange, { api }) => okAnswer(api.nodeId),
  }),
];
