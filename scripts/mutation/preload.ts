/** Gives Node one source as MUTANT says, {url, start, end, text}: `node --import preload.ts`. */
import { registerHooks } from 'node:module';

const { url, start, end, text } = JSON.parse(process.env['MUTANT'] ?? '{}') as {
  url?: string;
  start: number;
  end: number;
  text: string;
};

registerHooks({
  load(asked, context, next) {
    const loaded = next(asked, context);
    if (asked !== url) return loaded;
    const source = String(loaded.source);
    return { ...loaded, source: source.slice(0, start) + text + source.slice(end) };
  },
});
