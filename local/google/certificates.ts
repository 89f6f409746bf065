import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificates {
  key: Buffer;
  certificate: Buffer;
  /** File of the authority's certificate, which clients are to trust. */
  authorityFile: string;
}

/** Domains of the hosts that hook.cjs leads here. */
const domains: string[] = JSON.parse(readFileSync(join(import.meta.dirname, 'domains.json'), 'utf8'));

/** Makes an authority, and a certificate for every host that is played, in the directory, for a day. */
export function makeCertificates(dir: string): Certificates {
  const file = (name: string): string => join(dir, name);
  const names = domains.map((domain) => `DNS:*.${domain}`).join(',');
  writeFileSync(file('names'), `subjectAltName=${names}\n`);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const authority = ['-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=local Google'];
  openssl(['req', '-x509', ...newKey, ...authority, '-days', '1']);
  openssl(['req', ...newKey, '-keyout', file('key'), '-out', file('csr'), '-subj', '/CN=local']);
  const signed = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '1'];
  openssl(['x509', '-req', '-in', file('csr'), ...signed, '-out', file('pem'), '-extfile', file('names')]);
  return {
    key: readFileSync(file('key')),
    certificate: readFileSync(file('pem')),
    authorityFile: file('ca.pem'),
  };
}

function openssl(args: string[]): void {
  try {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    throw new Error('openssl is needed to make certificates for a rehearsal, and did not.', { cause: error });
  }
}
