import type { Shape } from './shape.ts';

/** A text in which what stands in backticks is code. */
export function Coded({ text }: { text: string }) {
  return (
    <>
      {text
        .split('`')
        .map((part, index) => (index % 2 === 1 ? <code key={`${index} ${part}`}>{part}</code> : part))}
    </>
  );
}

interface ShapeProps {
  shape: Shape;
  /** True for what is answered, where fields are the rule; of what is sent it is told which must be there. */
  isAnswer?: boolean;
}

/** A schema in words, with its fields as a list below. */
export function ShapeView({ shape: { type, description, fields, choices }, isAnswer = false }: ShapeProps) {
  return (
    <>
      <span class="type">{type}</span>
      {description !== undefined && (
        <p class="note">
          <Coded text={description} />
        </p>
      )}
      {fields.length > 0 && (
        <ul class="fields">
          {fields.map(({ name, isRequired, shape }) => (
            <li key={name}>
              <code class="name">{name}</code>
              {isRequired && !isAnswer && <span class="required">required</span>}
              {!isRequired && isAnswer && <span class="required">not always</span>}
              <ShapeView shape={shape} isAnswer={isAnswer} />
            </li>
          ))}
        </ul>
      )}
      {choices.length > 0 && (
        <ol class="choices" aria-label="One of these">
          {choices.map((choice, index) => (
            // Choices have no names of their own, and never move.
            <li key={`${index} ${choice.type}`}>
              <ShapeView shape={choice} isAnswer={isAnswer} />
            </li>
          ))}
        </ol>
      )}
    </>
  );
}
