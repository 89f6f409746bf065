/** The types of metrics that Google's services have, of those that anybody here asks for. */
const known = new Set([
  'cloudtasks.googleapis.com/queue/depth',
  'cloudtasks.googleapis.com/queue/task_attempt_count',
  'firestore.googleapis.com/document/delete_count',
  'firestore.googleapis.com/document/read_count',
  'firestore.googleapis.com/document/write_count',
  'run.googleapis.com/container/billable_instance_time',
  'run.googleapis.com/container/instance_count',
  'run.googleapis.com/request_count',
]);

/** The kind of resource that writes a service's metrics. */
const resources: Readonly<Record<string, string>> = {
  cloudtasks: 'cloud_tasks_queue',
  firestore: 'firestore_instance',
  run: 'cloud_run_revision',
};

/** Types of metrics that a filter names. */
export function metricsIn(filter: string): string[] {
  return [...filter.matchAll(/metric\.type\s*=\s*"([^"]+)"/g)].map(([, type = '']) => type);
}

/**
 * The reason for which a filter of time series is refused (https://cloud.google.com/monitoring/api/v3/filters): it must
 * name one metric that there is, and the kind of resource that has it.
 */
export function timeSeriesRefusal(filter: string): string | undefined {
  const syntax = syntaxRefusal(filter, /^(resource|metric)\.(type|labels\.[a-z_]+)$/);
  if (syntax !== undefined) return syntax;
  const [type, ...others] = metricsIn(filter);
  if (type === undefined || others.length > 0) return 'must specify one "metric.type"';
  const [, resource] = /resource\.type\s*=\s*"([^"]+)"/.exec(filter) ?? [];
  if (resource === undefined) return 'must specify a restriction on "resource.type" in the filter';
  if (type.startsWith('logging.googleapis.com/user/')) return undefined;
  if (!known.has(type)) return `Cannot find metric(s) that match type = "${type}"`;
  const of = resources[type.split('.')[0] ?? ''];
  return of === resource ? undefined : `the metric is of ${of}, not of ${resource}`;
}

/**
 * The reason for which a filter of log entries is refused
 * (https://cloud.google.com/logging/docs/view/logging-query-language).
 */
export function logFilterRefusal(filter: string): string | undefined {
  return syntaxRefusal(filter, /^(severity|(resource|jsonPayload|labels|httpRequest)(\.[\w]+)+)$/);
}

/** Terms `field operator value`, joined by AND and OR, in parentheses. */
function syntaxRefusal(filter: string, field: RegExp): string | undefined {
  if (filter.length === 0 || filter.length > 20_000) return 'a filter has 1 to 20,000 characters';
  const term = /^([\w.]+)\s*(=~|!=|>=|<=|[=<>:])\s*("(?:[^"\\]|\\.)*"|[\w.]+(?:\("(?:[^"\\]|\\.)*"\))?)/;
  let rest = filter.trim();
  let depth = 0;
  let isTermNext = true;
  while (rest !== '') {
    if (isTermNext && rest.startsWith('(')) {
      depth += 1;
      rest = rest.slice(1).trimStart();
      continue;
    }
    if (!isTermNext && rest.startsWith(')')) {
      depth -= 1;
      rest = rest.slice(1).trimStart();
      continue;
    }
    const joint = /^(AND|OR)\b/.exec(rest);
    if (!isTermNext && joint !== null) {
      isTermNext = true;
      rest = rest.slice(joint[0].length).trimStart();
      continue;
    }
    const found = term.exec(rest);
    if (found === null) return `cannot be parsed at ${rest.slice(0, 40)}`;
    if (!field.test(found[1] ?? '')) return `names the field ${found[1]}`;
    isTermNext = false;
    rest = rest.slice(found[0].length).trimStart();
  }
  return depth === 0 && !isTermNext ? undefined : 'ends too early';
}
