import * as z from 'zod/mini';
import { textLike, warnings } from '../http/answers.ts';
import { formOrJson, readFields } from '../http/body.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { Reading } from '../http/reading.ts';
import type { Route } from '../http/route.ts';
import type { AcceptingParts } from '../staging/groupStager.ts';
import { checkValidator } from '../tasks/speaker.ts';
import { evaluatedEvent, evaluation } from '../tasks/submitEvaluation.ts';

/**
 * The route to which existing validators send their evaluations, once: each is kept as far as it can be, and approves
 * its task.
 */
export function evaluationRoutes({ stager, stamps }: Pick<AcceptingParts, 'stager' | 'stamps'>): Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/api/v1/validator/evaluation',
      access: ['validator', 'ingest'],
      summary: 'Accepts an evaluation of an existing validator, which approves its task',
      bodies: () => {
        const example = { task_id: 'task-1', validator_uid: 3, evaluation_data: '{"accuracy_score": 0.9}' };
        return formOrJson({ schema: evaluation(), example });
      },
      answers: () => ({
        200: z.object({
          success: z.literal(true),
          message: textLike('Evaluation accepted'),
          task_id: textLike('task-1'),
          warnings: warnings(),
        }),
      }),
      handle: async (_, request) => {
        const reading = new Reading(true);
        const event = evaluatedEvent(readFields(request), stamps.next(), reading);
        checkValidator(request.caller, event.evaluation.validator_uid);
        await stager.stage([event]);
        const { warnings } = reading;
        const message = 'Evaluation accepted';
        return { status: 200, json: { success: true, message, task_id: event.taskId, warnings } };
      },
    }),
  ];
}
