import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../feed/api.ts';
import type { ViewProps } from '../feed/view.ts';
import { Button } from '../ui/button.tsx';
import { Notice } from '../ui/notice.tsx';
import { Section } from '../ui/section.tsx';
import { pathOfTask, type Task } from './task.ts';
import { TaskShown } from './taskShown.tsx';
import { troubleOf } from './trouble.ts';

type Found =
  | { step: 'idle' }
  | { step: 'busy'; id: string }
  | { step: 'found'; id: string; task: Task }
  | { step: 'none'; id: string; message: string }
  | { step: 'failed'; message: string };

/** A task by its id, which the address keeps: `#/tasks?id=…`. */
export function Tasks({ api, nowMs, announce }: ViewProps) {
  const [text, setText] = useState(idInAddress());
  const [found, setFound] = useState<Found>({ step: 'idle' });
  const question = useRef(0);

  const look = async (id: string): Promise<void> => {
    question.current += 1;
    const own = question.current;
    const show = (next: Found): void => {
      if (own === question.current) setFound(next);
    };
    const path = pathOfTask(id);
    if (path === undefined) return show(id === '' ? { step: 'idle' } : { step: 'failed', message: noId });
    show({ step: 'busy', id });
    try {
      const task = await api.get<Task>(path);
      show({ step: 'found', id, task });
      announce(`Task ${id} is shown.`);
    } catch (error) {
      const isNone = error instanceof ApiError && error.status === 404;
      show(
        isNone
          ? { step: 'none', id, message: error.message }
          : { step: 'failed', message: troubleOf(error, false) },
      );
    }
  };
  useEffect(() => {
    const follow = (): void => {
      const id = idInAddress();
      setText(id);
      void look(id);
    };
    follow();
    addEventListener('hashchange', follow);
    return () => {
      removeEventListener('hashchange', follow);
      question.current += 1;
    };
  }, [api]);

  const submit = (event: Event): void => {
    event.preventDefault();
    const id = text.trim();
    if (id === idInAddress()) void look(id);
    else location.hash = `#/tasks?id=${encodeURIComponent(id)}`;
  };
  return (
    <>
      <Section title="Look up a task" note="With what happened to it and the answers that it has.">
        <form class="line" onSubmit={submit}>
          <div class="field grow">
            <label for="task-id">Task id</label>
            <input
              id="task-id"
              class="mono"
              value={text}
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              maxLength={1500}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </div>
          <Button kind="main" type="submit" busy={found.step === 'busy'}>
            Look up
          </Button>
        </form>
        <div role="status">{found.step === 'busy' && <p class="note">Loading …</p>}</div>
        {found.step === 'failed' && <Notice tone="bad">{found.message}</Notice>}
        {found.step === 'none' && (
          <Notice tone="warn">
            {found.message} An answer or a task that was just accepted is written within a minute or so, or at
            once with <a href="#/queue">Write everything now</a>. Else see that the id is right:{' '}
            <code>{found.id}</code>
          </Notice>
        )}
      </Section>
      {found.step === 'found' && <TaskShown task={found.task} id={found.id} nowMs={nowMs} />}
    </>
  );
}

const noId = 'No task can have this id.';

function idInAddress(): string {
  const [, query = ''] = location.hash.split('?', 2);
  return new URLSearchParams(query).get('id') ?? '';
}
