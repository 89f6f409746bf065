import { Timestamp } from '@google-cloud/firestore';

const text = 'The quick brown fox jumps over the lazy dog. '.repeat(30);

/** A document that is billed as about 1 KB. */
export function plainDocument(i: number): object {
  return { i, shard: i % 4, at: Timestamp.fromMillis(i * 1000), text: text.slice(0, 900) };
}

/** A document shaped as a completed task with three responses: maps in maps, about 2.5 KB. */
export function taskDocument(i: number): object {
  const at = Timestamp.fromMillis(i * 1000);
  const response = (uid: number) => ({
    miner_uid: uid,
    response_data: { output_text: text.slice(0, 400), usage: { tokens: 100 + uid, seconds: 0.25 } },
    submitted_at: at,
    received_at: at,
    processing_time: 1.5,
    accuracy_score: 0.9,
    speed_score: 0.8,
    hotkey: `5F${'k'.repeat(44)}${uid}`,
    status: 'received',
  });
  return {
    task_id: `task-${i}`,
    task_type: 'text_translation',
    status: 'completed',
    priority: 'normal',
    required_miner_count: 3,
    min_miner_count: 1,
    assigned_miners: [1, 2, 3],
    metadata: { source: 'bench', tags: ['a', 'b'], nested: { n: i } },
    miner_responses: { 1: response(1), 2: response(2), 3: response(3) },
    best_response: { miner_uid: 1, score: 0.9 },
    response_count: 3,
    created_at: at,
    updated_at: at,
    written_at: at,
    feed_shard: i % 4,
    _sluice: Buffer.alloc(200, i % 256),
  };
}
