import { createRequire } from 'node:module';
import type { StorageOptions } from '@google-cloud/storage';
import { type ChannelCredentials, credentials, Metadata } from '@grpc/grpc-js';

type SettableClient = NonNullable<StorageOptions['authClient']> & {
  setCredentials(credentials: { access_token: string }): void;
};

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
  await requireAuth(options);
  return getAccessToken();
}

/** TLS with the token on every call, for a Google client. */
export function tokenCredentials(token: string): ChannelCredentials {
  const calls = credentials.createFromMetadataGenerator((_, done) => {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    done(null, metadata);
  });
  return credentials.combineChannelCredentials(credentials.createSsl(), calls);
}

/** The token for Cloud Storage's client, which takes a client of the authentication library that it brings. */
export function tokenClient(token: string): SettableClient {
  const { OAuth2Client }: { OAuth2Client: new () => SettableClient } = createRequire(
    import.meta.resolve('@google-cloud/storage'),
  )('google-auth-library');
  const client = new OAuth2Client();
  client.setCredentials({ access_token: token });
  return client;
}
