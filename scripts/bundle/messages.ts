import protobuf from 'protobufjs';

/** A part of a description in protobufjs's JSON form. */
interface Described {
  nested?: Record<string, Described>;
  [property: string]: unknown;
}

/**
 * The part of an API's description that one of its packages needs: the package's services and messages, and
 * those that they refer to.
 */
export function messagesOf(description: Described, packageName: string): Described {
  const root = protobuf.Root.fromJSON(description);
  const needed = new Set<string>();
  const need = (object: protobuf.ReflectionObject | null): void => {
    if (object === null || needed.has(object.fullName)) return;
    needed.add(object.fullName);
    if (object instanceof protobuf.Type) for (const field of object.fieldsArray) need(field.resolvedType);
    if (object instanceof protobuf.Service) {
      for (const method of object.methodsArray) {
        need(method.resolvedRequestType);
        need(method.resolvedResponseType);
      }
    }
    if (object instanceof protobuf.Namespace) for (const member of object.nestedArray) need(member);
  };
  need(root.lookup(packageName));
  return keep(description, '', needed) ?? {};
}

/** The needed members, with what contains them; undefined where there are none. */
function keep(part: Described, name: string, needed: ReadonlySet<string>): Described | undefined {
  if (needed.has(name)) return part;
  const members = Object.entries(part.nested ?? {}).flatMap(([key, member]) => {
    const kept = keep(member, `${name}.${key}`, needed);
    return kept === undefined ? [] : [[key, kept] as const];
  });
  if (members.length === 0) return undefined;
  return { ...part, nested: Object.fromEntries(members) };
}
