import type { Api } from './api.generated.ts';

/** An object's members but for some; unlike `Omit` it keeps names beside an index. */
type Without<Members, Name> = { [Each in keyof Members as Each extends Name ? never : Each]: Members[Each] };

type SentResponse = Extract<Api['POST /v1/responses']['body'], { miner_uid: number }>;

/** The members of an answer beside its data. */
export type ResponseMembers = Without<
  SentResponse,
  'task_id' | 'miner_uid' | 'response_data' | 'submitted_at'
> & { submitted_at?: Date | string | number | undefined };

/** The fields that a task may be created with. */
export type TaskFields = Without<Api['POST /v1/tasks']['body'], 'task_id' | 'task_type'>;

/** The fields of a task that may be set; null clears one. */
export type TaskChanges = Without<Api['PATCH /v1/tasks/{task_id}']['body'], 'task_id'>;

export type Task = Api['GET /v1/tasks/{task_id}'][200];
export type TaskPage = Api['GET /v1/tasks'][200];
export type TaskStatus = NonNullable<Task['status']>;
export type Status = Api['GET /v1/status'][200];
export type Quota = Api['GET /v1/quota'][200];
export type Warnings = Api['GET /v1/warnings'][200]['warnings'];
export type Flushed = Api['POST /v1/flush'][200];
export type FileRecord = Api['GET /v1/files/{file_id}'][200];
export type FilePage = Api['GET /v1/files'][200];
export type FileType = NonNullable<Api['POST /v1/files']['body']['file_type']>;
export type LeaseAnswer = Api['POST /v1/quota/leases'][201];
export type CleanedUp = Api['POST /v1/cleanup'][200];

/** The time that a task's fields, or an operation, may wait for others before they are written. */
export interface EventOptions {
  visibility?: 'prompt' | 'default' | 'deferred' | undefined;
}

export interface TaskFilters {
  status?: TaskStatus | undefined;
  task_type?: string | undefined;
  miner_uid?: number | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface FileFilters {
  file_type?: FileType | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
}

/** An event that Sluice refused for good, as the outbox keeps it. */
export interface SetAside {
  id: number;
  stamp: string;
  code: string;
  message: string;
  /** Milliseconds since the epoch. */
  refusedAtMs: number;
  /** The event as a line of `POST /v1/events`, without its stamp. */
  line: string;
}

/** The outbox's contents, and how sending goes. */
export interface OutboxStatus {
  waiting: number;
  /** Refused events that are kept aside now. */
  setAside: number;
  /** Events that were refused ever. */
  refused: number;
  oldestAgeMs: number | undefined;
  /** Acknowledged since this client began. */
  sent: number;
  /** The failure of the last attempt to send; undefined after one that went well. */
  error: string | undefined;
  /** True where the key or the address is wrong: nothing is sent before that is put right. */
  isBlocked: boolean;
}
