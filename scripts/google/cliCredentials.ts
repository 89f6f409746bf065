import { createRequire } from 'node:module';
import type { StorageOptions } from '@google-cloud/storage';
import { type ChannelCredentials, credentials, Metadata } from '@grpc/grpc-js';

interface ShortCredentials {
  access_token: string;
  /** Milliseconds since the epoch; from then on another is asked for. */
  expiry_date: number;
}

type SettableClient = NonNullable<StorageOptions['authClient']> & {
  refreshHandler: () => Promise<ShortCredentials>;
};

/**
 * Time for which a token is said to hold. The Firebase CLI gives none that ends within a quarter of an hour (its
 * source, auth.ts); the client asks for another 5 minutes before the end (google-auth-library, oauth2client.ts).
 */
const tokenMs = 10 * 60_000;

/** The parts of firebase-tools that its commands authenticate with; they have no types, and the version is pinned. */
interface CliAuth {
  selectAccount(account: undefined, projectRoot: string): object | undefined;
  setActiveAccount(options: object, account: object): void;
}

/**
 * An access token of whoever runs `firebase deploy`: `firebase login`, or else application default credentials.
 * @throws when there is neither
 */
export async function cliAccessToken(projectId: string, projectRoot: string): Promise<string> {
  const require = createRequire(import.meta.url);
  const auth: CliAuth = require('firebase-tools/lib/auth');
  const {
    requireAuth,
  }: { requireAuth(options: object): Promise<unknown> } = require('firebase-tools/lib/requireAuth');
  const { getAccessToken }: { getAccessToken(): Promise<string> } = require('firebase-tools/lib/apiv2');
  const options = { project: projectId, nonInteractive: true };
  const account = auth.selectAccount(undefined, projectRoot);
  if (account !== undefined) auth.setActiveAccount(options, account);
  try {
    await requireAuth(options);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${message} \`npx firebase login\` does it; then this again.`, { cause });
  }
  return getAccessToken();
}

/** TLS with the token of the moment on every call, for a Google client. */
export function tokenCredentials(token: () => Promise<string>): ChannelCredentials {
  const calls = credentials.createFromMetadataGenerator((_, done) => {
    const metadata = new Metadata();
    token().then((bearer) => {
      metadata.set('authorization', `Bearer ${bearer}`);
      done(null, metadata);
    }, done);
  });
  return credentials.combineChannelCredentials(credentials.createSsl(), calls);
}

/** The token of the moment for Cloud Storage's client, which takes a client of the authentication library it brings. */
export function tokenClient(token: () => Promise<string>): SettableClient {
  const { OAuth2Client }: { OAuth2Client: new () => SettableClient } = createRequire(
    import.meta.resolve('@google-cloud/storage'),
  )('google-auth-library');
  const client = new OAuth2Client();
  client.refreshHandler = async () => ({
    access_token: await token(),
    expiry_date: Date.now() + tokenMs,
  });
  return client;
}
