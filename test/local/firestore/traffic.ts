import {
  type CallInvocationTransformer,
  InterceptingCall,
  type Interceptor,
  type StatusObject,
} from '@grpc/grpc-js';
import type { FirestoreUsage } from '../../../local/shared/service.ts';

/** The parts of requests and answers that say what is billed, as the client library sees them. */
interface Message {
  writes?: { delete?: string; update?: object | null; operation?: string }[];
  found?: object | null;
  missing?: string | null;
  result?: { aggregateFields?: Record<string, { integerValue?: string | number }> } | string | null;
  document?: object | null;
  skippedResults?: number;
  documents?: object[];
  status?: { code?: number }[];
  documentChange?: object | null;
  documentRemove?: object | null;
  targetChange?: { targetChangeType?: string | number } | null;
}

interface Call {
  readonly rpc: string;
  readonly request: Message;
  readonly answers: readonly Message[];
  readonly isDone: boolean;
}

const indexEntriesPerRead = 1000;

/**
 * The cost of a call by the price list, from nothing but what went over the wire
 * (firebase.google.com/docs/firestore/pricing).
 */
function costOf({ rpc, request, answers, isDone }: Call): FirestoreUsage {
  const reads = (count: number) => ({ reads: count, writes: 0, deletes: 0 });
  const [answer] = answers;
  const writes = request.writes ?? [];
  switch (rpc) {
    case 'BatchGetDocuments':
      return reads(answers.filter(({ found, missing }) => found || missing).length);
    case 'RunQuery': {
      const skipped = answers.reduce((sum, { skippedResults = 0 }) => sum + skippedResults, 0);
      return reads(isDone ? Math.max(1, skipped + answers.filter(({ document }) => document).length) : 0);
    }
    case 'RunAggregationQuery': {
      const { result } = answers.find((each) => typeof each.result === 'object' && each.result) ?? {};
      const fields = typeof result === 'object' ? Object.values(result?.aggregateFields ?? {}) : [];
      return reads(Math.max(1, Math.ceil(Number(fields[0]?.integerValue ?? 0) / indexEntriesPerRead)));
    }
    case 'ListDocuments':
      return reads(Math.max(1, answer?.documents?.length ?? 0));
    case 'ListCollectionIds':
      return reads(1);
    case 'Commit':
    case 'BatchWrite': {
      const done = writes.filter((_, i) => isDone && (answer?.status?.[i]?.code ?? 0) === 0);
      const deletes = done.filter((write) => write.delete).length;
      return { reads: 0, writes: done.length - deletes, deletes };
    }
    default:
      return reads(0);
  }
}

/**
 * The cost of a listener's next message: a read for each document that comes, changes, or leaves because it changed;
 * one where nothing is there at the start. Not for queries with a limit, which documents leave unchanged.
 */
function listenedReads(message: Message, before: readonly Message[]): number {
  if (message.documentChange || message.documentRemove) return 1;
  const isCurrent = message.targetChange?.targetChangeType === 'CURRENT';
  return isCurrent && !before.some(({ documentChange }) => documentChange) ? 1 : 0;
}

/** Adds up, at a client's transport, what its calls cost: knows nothing of the server. */
export class Traffic {
  #usage: FirestoreUsage = { reads: 0, writes: 0, deletes: 0 };

  usage(): FirestoreUsage {
    return { ...this.#usage };
  }

  reset(): void {
    this.#usage = { reads: 0, writes: 0, deletes: 0 };
  }

  /** A value of the client's option `grpc.callInvocationTransformer`. */
  readonly transformer: CallInvocationTransformer = (properties) => ({
    ...properties,
    callOptions: { ...properties.callOptions, interceptors: [this.#interceptor] },
  });

  readonly #interceptor: Interceptor = (options, nextCall) => {
    const rpc = options.method_definition.path.split('/').at(-1) ?? '';
    let request: Message = {};
    const answers: Message[] = [];
    return new InterceptingCall(nextCall(options), {
      start: (metadata, _, next) =>
        next(metadata, {
          onReceiveMessage: (message: Message | null, pass) => {
            if (rpc === 'Listen' && message !== null) this.#usage.reads += listenedReads(message, answers);
            if (message !== null) answers.push(message);
            pass(message);
          },
          onReceiveStatus: (status: StatusObject, pass) => {
            this.#add({ rpc, request, answers, isDone: status.code === 0 });
            pass(status);
          },
        }),
      sendMessage: (message: Message, next) => {
        request = message;
        next(message);
      },
    });
  };

  #add(call: Call): void {
    const { reads, writes, deletes } = costOf(call);
    this.#usage.reads += reads;
    this.#usage.writes += writes;
    this.#usage.deletes += deletes;
  }
}
