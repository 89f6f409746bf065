import type { Plugin } from 'esbuild';

/** Modules of the Admin SDK that `firebase-functions` imports for callable functions alone; Sluice has none. */
const imported: Readonly<Record<string, readonly string[]>> = {
  'firebase-admin/app': ['applicationDefault', 'deleteApp', 'getApp', 'initializeApp'],
  'firebase-admin/app-check': ['getAppCheck'],
  'firebase-admin/auth': ['getAuth'],
};

/** Lets `firebase-functions` load the Admin SDK when it first calls it, not at the start of every function (100 ms). */
export const deferredAdmin: Plugin = {
  name: 'deferred-admin',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^firebase-admin\// }, ({ path, importer }) =>
      importer.includes('/node_modules/firebase-functions/') ? { path, namespace: 'admin' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'admin' }, ({ path }) => ({
      contents: (imported[path] ?? [])
        .map(
          (name) => `export const ${name} = (...args) => require(${JSON.stringify(path)}).${name}(...args);`,
        )
        .join('\n'),
      resolveDir: import.meta.dirname,
    }));
  },
};
