import type { RunState } from '../tasks/queue.ts';
import { type Answer, type Call, invalid, notFound, ok, resourceOf, verbOf } from './call.ts';
import { policyCall } from './policies.ts';
import type { Job, Project, Queue } from './project.ts';
import { checkEnabled } from './projects.ts';
import { queueRefusal } from './refusals.ts';

/** Holder of the queues' tasks and of their states, which clients pause and resume there, too. */
export interface TaskHolder {
  /** Makes the queue, or gives it these settings. */
  ensure(queue: Queue): void;
  setState(name: string, state: RunState): void;
  state(name: string): RunState;
  purge(name: string): void;
}

/** https://cloud.google.com/tasks/docs/reference/rest: queues, without their tasks. */
export function cloudTasks(project: Project, call: Call, holder: TaskHolder): Answer {
  checkEnabled(project, 'cloudtasks.googleapis.com');
  const { name, verb } = verbOf(resourceOf(call.path));
  const found = project.queues.get(name);
  if (verb !== undefined) {
    if (found === undefined) throw notFound(name);
    if (verb === 'purge') holder.purge(name);
    if (verb === 'pause' || verb === 'resume') holder.setState(name, verb === 'pause' ? 'PAUSED' : 'RUNNING');
    return policyCall(project, name, call) ?? ok({ ...found, state: holder.state(name) });
  }
  if (call.method === 'GET') {
    if (found === undefined) throw notFound(name);
    return ok({ ...found, state: holder.state(name) });
  }
  if (call.method === 'PATCH' && found === undefined) throw notFound(name);
  const wanted = call.body as Queue;
  const reason = queueRefusal(wanted);
  if (reason !== undefined) throw invalid(reason);
  const made = { ...project.queues.get(wanted.name), ...wanted };
  project.queues.set(made.name, made);
  holder.ensure(made);
  if (wanted.state !== undefined) holder.setState(made.name, wanted.state);
  return ok(made);
}

/** https://cloud.google.com/scheduler/docs/reference/rest */
export function cloudScheduler(project: Project, call: Call): Answer {
  checkEnabled(project, 'cloudscheduler.googleapis.com');
  const name = resourceOf(call.path);
  const found = project.jobs.get(name);
  if (call.method === 'POST' || call.method === 'PATCH') {
    const wanted = call.body as Job;
    const made = { ...project.jobs.get(wanted.name), ...wanted, state: 'ENABLED' };
    project.jobs.set(made.name, made);
    return ok(made);
  }
  if (found === undefined) throw notFound(name);
  if (call.method === 'DELETE') project.jobs.delete(name);
  return ok(found);
}
