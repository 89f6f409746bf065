import { createRequire } from 'node:module';
import { type ChannelCredentials, credentials, Metadata } from '@grpc/grpc-js';

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
