import { ConfigError } from '../base/errors.ts';
import { issueCert, type Identity, type Issuing, type Usage } from './certificate.ts';

/** What a PKCS #10 request (RFC 2986) asks for, after its own signature was checked. */
export interface CertificateRequest {
  cn: string;
  orgs: string[];
  sans: string[];
  publicKey: string;
}

/** Reads and checks a request. The library is loaded with the first one: most servers never see any. */
export async function readRequest(csrPem: string): Promise<CertificateRequest> {
  await import('reflect-metadata');
  const { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } = await import('@peculiar/x509');
  const request = new Pkcs10CertificateRequest(csrPem);
  if (!(await request.verify())) throw new ConfigError('the signature of the certificate request is wrong', { op: 'csr' });
  const extension = request.getExtension('2.5.29.17');
  const names = extension ? new SubjectAlternativeNameExtension(extension.rawData).names.items : [];
  return {
    cn: request.subjectName.getField('CN')[0] ?? '',
    orgs: request.subjectName.getField('O'),
    sans: names.filter((name) => name.type === 'dns' || name.type === 'ip').map((name) => name.value),
    publicKey: request.publicKey.toString('pem'),
  };
}

/** Signs a request as it stands; whether it may be signed was somebody else's decision. Returns the leaf alone, in PEM. */
export async function signRequest(options: Issuing & { csrPem: string; ca: Identity; usages: string[]; expirationSeconds: number | undefined }): Promise<string> {
  const { ca, nowMs, random } = options;
  const usages: Usage[] = [];
  if (options.usages.includes('client auth')) usages.push('client');
  if (options.usages.includes('server auth')) usages.push('server');
  const lifeMs = options.expirationSeconds === undefined ? undefined : options.expirationSeconds * 1000;
  const { cert } = issueCert({ ...(await readRequest(options.csrPem)), nowMs, random, ca, usages, ...(lifeMs !== undefined && { lifeMs }) });
  return cert.slice(0, cert.indexOf('-----END CERTIFICATE-----')) + '-----END CERTIFICATE-----\n';
}
