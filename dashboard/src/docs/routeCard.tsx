import { useEffect, useState } from 'preact/hooks';
import { Button } from '../ui/button.tsx';
import { useCopy } from '../ui/useCopy.ts';
import type { Content, Contract, RouteView } from './contract.ts';
import { curlOf } from './curl.ts';
import { shapeOf } from './shape.ts';
import { Coded, ShapeView } from './shapeView.tsx';

interface RouteProps {
  route: RouteView;
  contract: Contract;
}

/** A route in one line, which opens to all of it; its heading is a link to itself. */
export function RouteCard({ route, contract, isTarget }: RouteProps & { isTarget: boolean }) {
  const [isOpen, setOpen] = useState(isTarget);
  useEffect(() => {
    if (isTarget) setOpen(true);
  }, [isTarget]);
  const { id, method, path, summary, roles } = route;
  return (
    <details
      id={id}
      class="card route"
      open={isOpen}
      onToggle={({ currentTarget }) => setOpen(currentTarget.open)}
    >
      <summary>
        <span class={`method ${method.toLowerCase()}`}>{method}</span>
        <code class="path">{path}</code>
        <span class="summary">
          <Coded text={summary} />
        </span>
      </summary>
      {isOpen && (
        <div class="route-body">
          <p class="note">
            {roles === undefined ? 'No key is needed.' : `For keys of role ${roles.join(', ')}.`}{' '}
            <a href={`#${id}`}>Link to this route</a>
          </p>
          <Parameters route={route} contract={contract} />
          {route.bodies.map(({ mediaType, isRequired, content }) => (
            <Part key={mediaType} title={`Body${isRequired ? '' : ', optional'}: ${mediaType}`}>
              <Described content={content} contract={contract} />
            </Part>
          ))}
          {route.answers.map(({ status, description, headers, contents }) => (
            <Part key={status} title={`${status} ${description}`}>
              {contents.map(([mediaType, content]) => (
                <Described key={mediaType} content={content} contract={contract} mediaType={mediaType} />
              ))}
              {contents.length === 0 && <p class="note">No body.</p>}
              <p class="note">Headers: {headers.join(', ')}</p>
            </Part>
          ))}
          <Refusals route={route} />
          <Command route={route} />
        </div>
      )}
    </details>
  );
}

function Part({ title, children }: { title: string; children: preact.ComponentChildren }) {
  return (
    <section class="part">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Parameters({ route: { parameters }, contract }: RouteProps) {
  if (parameters.length === 0) return null;
  return (
    <Part title="Parameters">
      <ul class="fields">
        {parameters.map(({ name, in: place, required, schema }) => (
          <li key={`${place} ${name}`}>
            <code class="name">{name}</code> <span class="note place">in the {place}</span>
            {required && <span class="required">required</span>}
            <ShapeView shape={shapeOf(schema ?? {}, contract)} />
          </li>
        ))}
      </ul>
    </Part>
  );
}

interface DescribedProps {
  content: Content;
  contract: Contract;
  /** The type of an answer; undefined for a body. */
  mediaType?: string;
}

function Described({ content: { schema, example }, contract, mediaType }: DescribedProps) {
  return (
    <>
      {mediaType !== undefined && mediaType !== 'application/json' && <p class="note">{mediaType}</p>}
      {schema !== undefined && (
        <ShapeView shape={shapeOf(schema, contract)} isAnswer={mediaType !== undefined} />
      )}
      {example !== undefined && (
        <pre>{typeof example === 'string' ? example : JSON.stringify(example, null, 2)}</pre>
      )}
    </>
  );
}

function Refusals({ route: { refusals } }: { route: RouteView }) {
  if (refusals.length === 0) return null;
  return (
    <Part title="Refusals, as problem documents with a code">
      <ul class="refusals">
        {refusals.map(({ status, description }) => (
          <li key={status}>
            <span class="mono">{status}</span> {description}
          </li>
        ))}
      </ul>
    </Part>
  );
}

function Command({ route }: { route: RouteView }) {
  const command = curlOf(route, location.origin);
  const { isCopied, copy } = useCopy(command);
  return (
    <Part title="With curl">
      <pre>{command}</pre>
      <p class="actions">
        <Button onClick={() => void copy()}>Copy</Button>
        <span class="note" role="status">
          {isCopied === true && 'Copied.'}
          {isCopied === false && 'The browser does not allow it; select the text instead.'}
        </span>
      </p>
    </Part>
  );
}
