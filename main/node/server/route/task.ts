import { CancelAnswer } from '../../../core/contract/rest.ts';
import { TasksAnswer } from '../../../core/contract/rest-state.ts';
import type { TaskId } from '../../../core/id.ts';
import { refusalError } from '../refusal.ts';
import { okAnswer, route, type Route } from '../route.ts';
import { tasksView } from '../task-view.ts';

const summary = 'Ends a running generation; its client is told. Repeating it while it ends is no error.';
const answers = { 200: { description: 'The end is ordered.', schema: CancelAnswer } };

const cancel = (path: string, name: string, description: string): Route =>
  route({
    method: 'post',
    path,
    summary,
    params: { [name]: description },
    answers,
    handle: async ({ param }, { api }) => {
      const id = param(name);
      // A chat answer's id is the task's with OpenAI's prefix.
      const taskId = id.replace(/^chatcmpl-/, '').slice(0, 128) as TaskId;
      const result = await api.submit({ type: 'CancelTask', commandId: api.newCommandId(), taskId });
      if (!result.ok && !api.cancelPaused(taskId)) throw refusalError(result.error, name);
      return okAnswer({ message: 'Command received.', command_id: id } satisfies CancelAnswer);
    },
  });

export const taskRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/tasks',
    summary: 'The tasks under way, by id: where each runs, how far it is and how fast.',
    answers: { 200: { description: 'By id.', schema: TasksAnswer } },
    handle: (_exchange, { api }) => okAnswer(tasksView(api.state(), api.telemetry())),
  }),
  cancel('/tasks/:id/cancel', 'id', 'The task id, or the id of the chat answer.'),
  cancel('/v1/cancel/:command_id', 'command_id', 'The id of the chat answer, or the task id.'),
];
