/** Imported by itself, so that the bundle holds only this one of the package's three clients. */
export { CloudTasksClient } from '@google-cloud/tasks';
export { grpc } from 'google-gax';
