import { Button } from '../ui/button.tsx';
import { Section } from '../ui/section.tsx';
import { useCopy } from '../ui/useCopy.ts';

/** For a fresh install: the request to begin with. */
export function FirstSteps() {
  const command = [
    `curl ${location.origin}/v1/responses`,
    "-H 'X-API-Key: YOUR_INGEST_KEY'",
    "-H 'Content-Type: application/json'",
    `-d '{"responses": [{"task_id": "hello", "miner_uid": 7, "response_data": {"text": "Hello"}}]}'`,
  ].join(' \\\n  ');
  const { isCopied, copy } = useCopy(command);
  return (
    <Section
      title="First, send an answer"
      note="Take a key of role ingest or proxy. It answers 202 once the answer is kept; a minute later it is written, and shown here."
      actions={<Button onClick={() => void copy()}>{isCopied ? 'Copied' : 'Copy'}</Button>}
    >
      <pre>{command}</pre>
    </Section>
  );
}
