import { v2beta3 } from '@google-cloud/tasks';

/** The client of the API version that has a queue's stats. */
export const { CloudTasksClient } = v2beta3;

export { grpc } from 'google-gax';
