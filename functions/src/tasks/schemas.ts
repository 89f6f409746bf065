import * as z from 'zod/mini';
import type { MinerResponse } from '../events/event.ts';
import { count, moment, textLike } from '../http/answers.ts';
import type { Schema } from '../http/schema.ts';
import { taskStatuses } from './state.ts';
import { clearable } from './submitTaskFields.ts';

/** Tasks as answers show them, for openapi.json: those that miners' answers alone made have little of it. */

const text = (): Schema => z.optional(z.nullable(z.string()));
const number = (): Schema => z.optional(z.number());

/** Members of an event's response that readers see as they are: the compiler asks for each. */
type Member = Exclude<keyof MinerResponse, 'body' | 'submitted_at_ms'>;

function responseShown(): Schema {
  const shown: Record<Member, Schema> & Record<string, Schema> = {
    miner_uid: count(),
    response_data: z.optional(z.unknown()),
    response_body: z.optional(z.object({ bytes: count() })),
    submitted_at: z.optional(moment()),
    received_at: z.optional(moment()),
    processing_time: number(),
    accuracy_score: number(),
    speed_score: number(),
    hotkey: text(),
    status: text(),
    counted: z.optional(z.boolean()),
  };
  return z.looseObject(shown);
}

export function taskShown(): Schema {
  return z.looseObject({
    task_id: textLike('task-1'),
    task_type: z.optional(z.nullable(textLike('text_translation'))),
    status: z.optional(z.enum(taskStatuses)),
    required_miner_count: z.optional(count()),
    min_miner_count: z.optional(count()),
    ...clearable((member) => z.optional(z.nullable(member))),
    assigned_miners: z.optional(z.nullable(z.array(count()))),
    miner_responses: z.record(z.string(), responseShown()),
    evaluations: z.optional(z.record(z.string(), z.unknown())),
    response_count: z.optional(count()),
    best_response: z.optional(z.nullable(z.looseObject({ miner_uid: count(), score: z.number() }))),
    created_at: z.optional(moment()),
    updated_at: z.optional(moment()),
  });
}
