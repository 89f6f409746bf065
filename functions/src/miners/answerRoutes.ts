import * as z from 'zod/mini';
import type { ResponseReceived } from '../events/event.ts';
import { count, textLike, warnings } from '../http/answers.ts';
import { formOrJson, readFields } from '../http/body.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { isEmpty } from '../http/fields.ts';
import { Reading } from '../http/reading.ts';
import type { ApiRequest, ApiResponse, Route } from '../http/route.ts';
import type { Schema } from '../http/schema.ts';
import type { ResponseRoutesOptions } from '../tasks/responseRoutes.ts';
import {
  responseEvent,
  type Submitted,
  textResponse,
  translation,
  translationEvent,
} from '../tasks/submit.ts';

const root = '/api/v1/miner';

/** An answer of an existing miner as it was sent: a form's fields, or JSON. */
interface AnswerForm {
  summary: string;
  schema: () => Schema;
  example: Submitted;
  event: (fields: Submitted, reading: Reading) => ResponseReceived;
}

/** Routes to which existing miners send their answers; each is kept as far as it can be. */
export function answerRoutes({ stager, stamps, speakers }: ResponseRoutesOptions): Route[] {
  const accept = async (request: ApiRequest, { event: eventOf }: AnswerForm): Promise<ApiResponse> => {
    const reading = new Reading(true);
    const event = eventOf(readFields(request), reading);
    await stager.stage([speakers.spoken(request.caller, event)]);
    return {
      status: 200,
      json: {
        success: true,
        message: 'Response accepted',
        task_id: event.taskId,
        miner_uid: event.response.miner_uid,
        warnings: reading.warnings,
      },
    };
  };
  const response: AnswerForm = {
    summary: 'Accepts a response of an existing miner',
    schema: textResponse,
    example: { task_id: 'task-1', miner_uid: 7, response_data: '{"text": "Hello"}' },
    event: ({ response, response_data: given, ...fields }, reading) => {
      const response_data = isEmpty(given) ? response : given;
      return responseEvent({ ...fields, response_data }, stamps.next(), { texts: true, reading });
    },
  };
  const translated: AnswerForm = {
    summary: 'Accepts the result of a translation of an existing miner',
    schema: translation,
    example: { task_id: 'task-1', miner_uid: 7, translated_text: 'Hello' },
    event: (fields, reading) => translationEvent(fields, stamps.next(), reading),
  };
  const route = (path: string, form: AnswerForm): Route =>
    defineRoute({
      method: 'POST',
      path: `${root}/${path}`,
      access: ['ingest', 'miner'],
      summary: form.summary,
      bodies: () => formOrJson({ schema: form.schema(), example: form.example }),
      answers: () => ({ 200: taken() }),
      handle: (_, request) => accept(request, form),
    });
  return [
    route('response', response),
    route('text-translation/upload-result', translated),
    route('document-translation/upload-result', translated),
  ];
}

/** The answer that existing miners expect, with these members beside. */
export function taken(beside: Readonly<Record<string, Schema>> = {}): Schema {
  return z.object({
    success: z.literal(true),
    message: textLike('Response accepted'),
    task_id: textLike('task-1'),
    miner_uid: count(),
    ...beside,
    warnings: warnings(),
  });
}
