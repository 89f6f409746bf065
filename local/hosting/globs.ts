const unsupported = /[[\]]|[!+*?]\(/;

/**
 * Hosting's globs: `*` and `?` within a segment, `**` across segments (`**` with a slash after it also none),
 * `@(a|b)` and `{a,b}`. Matches a decoded path, which begins with a slash. Throws for what else a glob can have.
 */
export function globPattern(glob: string): RegExp {
  if (unsupported.test(glob)) throw new Error(`The local Hosting cannot read the glob ${glob}.`);
  const rooted = glob.startsWith('/') ? glob : `/${glob}`;
  const source = rooted.replace(
    /\*\*\/|\*\*|\*|\?|@\(([^()]*)\)|\{([^{}]*)\}|[^*?@{]+|[@{]/g,
    (part, choices?: string, listed?: string) => {
      if (choices !== undefined) return oneOf(choices.split('|'));
      if (listed !== undefined) return oneOf(listed.split(','));
      return wildcards[part] ?? literal(part);
    },
  );
  return new RegExp(`^${source}$`);
}

const wildcards: Record<string, string> = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' };

function oneOf(texts: string[]): string {
  return `(?:${texts.map(literal).join('|')})`;
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
