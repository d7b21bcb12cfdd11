import {
  ClusterAnswer,
  DoctorAnswer,
  JoinAnswer,
  JoinBody,
  LeaveAnswer,
  PairingView,
  RemoveNodeAnswer,
} from '../../../core/contract/rest-cluster.ts';
import { clusterView, pairingView } from '../cluster-view.ts';
import { joinCluster, leaveCluster, removeNode } from '../operation/cluster.ts';
import { okAnswer, route, type Route } from '../route.ts';

/** Which cluster this node belongs to, and how nodes come in and go. */
export const clusterRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/cluster',
    summary: 'The nodes of the cluster, who leads, and the pairing code of this node if one is shown.',
    answers: { 200: { description: 'The cluster as this node knows it.', schema: ClusterAnswer } },
    handle: (_exchange, { api }) => okAnswer(clusterView(api.membership.snapshot())),
  }),
  route({
    method: 'get',
    path: '/cluster/doctor',
    summary: 'What is wrong with this node and its cluster, where, and what a person can do.',
    answers: { 200: { description: 'The findings.', schema: DoctorAnswer } },
    handle: (_exchange, { api }) => okAnswer({ findings: api.membership.diagnose() }),
  }),
  route({
    method: 'post',
    path: '/cluster/pairing',
    summary: 'Shows a code that lets one other node in. It lives five minutes and five wrong guesses.',
    answers: { 200: { description: 'The code that is shown now.', schema: PairingView } },
    handle: async (_exchange, { api }) => okAnswer(pairingView(await api.membership.showCode())),
  }),
  route({
    method: 'delete',
    path: '/cluster/pairing',
    summary: 'Takes the code back.',
    answers: {
      200: { description: 'No code is shown now; what came of the last one.', schema: ClusterAnswer },
    },
    handle: async (_exchange, { api }) => {
      await api.membership.cancelCode();
      return okAnswer(clusterView(api.membership.snapshot()));
    },
  }),
  route({
    method: 'post',
    path: '/cluster/join',
    summary:
      'Joins the cluster of the node that shows this code. What this node keeps running is taken along.',
    body: JoinBody,
    answers: { 200: { description: 'It is a member now.', schema: JoinAnswer } },
    handle: async ({ body }, { api }) => okAnswer(await joinCluster(api, body)),
  }),
  route({
    method: 'post',
    path: '/cluster/leave',
    summary: 'Takes this node out of its cluster; it starts over as a cluster of its own.',
    answers: { 200: { description: 'It left, and starts over now.', schema: LeaveAnswer } },
    handle: async (_exchange, { api }) => okAnswer(await leaveCluster(api)),
  }),
  route({
    method: 'delete',
    path: '/nodes/:id',
    summary:
      'Takes a node out of the cluster for good, also one that is away, and gives the others a new key.',
    params: { id: 'Its id, or its name where no other node has it.' },
    answers: { 200: { description: 'It is out.', schema: RemoveNodeAnswer } },
    handle: async ({ param }, { api }) => okAnswer(await removeNode(api, param('id'))),
  }),
];
