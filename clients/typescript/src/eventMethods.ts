import { type Event, fieldsEvent, newId, operationEvent, responseEvent, taskEvent } from './events.ts';
import type * as types from './types.ts';

type Data = Readonly<Record<string, unknown>>;

/** The kinds of events, each sent by a method. They are durable when it resolves, in the order of the calls. */
export abstract class EventMethods {
  abstract sendEvents(events: readonly Event[]): Promise<void>;

  /** Sends a miner's answer. */
  async sendResponse(
    taskId: string,
    minerUid: number,
    responseData?: unknown,
    members: types.ResponseMembers = {},
  ): Promise<void> {
    await this.sendEvents([responseEvent(taskId, minerUid, responseData, members)]);
  }

  /** Creates a task; answers its id. */
  async createTask(
    taskType: string,
    fields: types.TaskFields = {},
    { taskId = newId(), ...options }: types.EventOptions & { taskId?: string | undefined } = {},
  ): Promise<string> {
    await this.sendEvents([taskEvent(taskId, taskType, fields, options)]);
    return taskId;
  }

  /** Sets fields of a task; null clears one. */
  async setFields(
    taskId: string,
    fields: types.TaskChanges,
    options: types.EventOptions = {},
  ): Promise<void> {
    await this.sendEvents([fieldsEvent(taskId, fields, options)]);
  }

  /** Replaces a document. */
  async set(path: string, data: Data, options: types.EventOptions = {}): Promise<void> {
    await this.sendEvents([operationEvent('set', path, data, options)]);
  }

  /** Sets the places of a document that dotted paths lead to. */
  async update(path: string, data: Data, options: types.EventOptions = {}): Promise<void> {
    await this.sendEvents([operationEvent('update', path, data, options)]);
  }

  /** Takes a document away. */
  async delete(path: string, options: types.EventOptions = {}): Promise<void> {
    await this.sendEvents([operationEvent('delete', path, undefined, options)]);
  }

  /** Makes a document under an id of its own; answers the id. */
  async createDocument(collection: string, data: Data, options: types.EventOptions = {}): Promise<string> {
    const documentId = newId();
    await this.set(`${collection}/${documentId}`, data, options);
    return documentId;
  }
}
