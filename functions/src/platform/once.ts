/** Makes a value when it is first asked for, and keeps it; where that throws, nothing is kept. */
export function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
