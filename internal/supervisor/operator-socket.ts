import { join } from 'node:path';
import { ConfigError, messageOf, SkiffError } from '../base/errors.ts';
import { askLocal, serveLocal } from '../io/local-socket.ts';
import type { KeyChange } from '../store/key-ring.ts';
import type { RotateRequest } from './rotate-token.ts';
import type { EncryptionStatus, SecretsEncryption } from './secrets-encryption.ts';
import { checkPrefix, type SnapshotFile } from './snapshots/folder.ts';
import type { Snapshots } from './snapshots/snapshots.ts';

const op = 'operator';
/** Copying and checking a large store on a slow card. */
const longestAnswerMs = 30 * 60_000;

const operatorSocket = (dataDir: string): string => join(dataDir, 'server/operator.sock');

/** What the running server says of itself. */
export interface About {
  node: string;
  snapshotDir: string;
  pid: number;
  startedMs: number;
  /** Whether a node runs beside it. */
  agent: boolean;
  /** Whether every part of it has started. */
  ready: boolean;
  /** The administrator's. */
  kubeconfig: string;
}

export interface OperatorServices {
  node: string;
  about(): Omit<About, 'node' | 'snapshotDir'>;
  /** Undefined where the datastore is kept elsewhere. */
  snapshots: Snapshots | undefined;
  /** Where snapshots go by default. */
  snapshotDir: string;
  secrets: SecretsEncryption;
  /** The file that holds the token. */
  tokenFile: string;
  /** Replaces the token of the servers. */
  rotateToken(request: RotateRequest): Promise<void>;
  credentials: CredentialServices;
}

/** What an operator may change about authorities and tokens. */
export interface CredentialServices {
  /** Issues every certificate of this machine again, and puts them in force. */
  renew(): Promise<void>;
  /** Puts other authorities in the place of these; names their files. */
  rotateAuthorities(request: { path?: string; force: boolean }): Promise<string[]>;
}

/** What may be asked of a running server: by root, on its machine. */
export interface OperatorCalls {
  'GET /about': { request: undefined; answer: About };
  'POST /snapshots': {
    request: { prefix: string; dir?: string; compress: boolean; retention?: number };
    answer: SnapshotFile;
  };
  'GET /secrets': { request: undefined; answer: EncryptionStatus };
  'POST /secrets': { request: { change: KeyChange }; answer: EncryptionStatus };
  'POST /certificates': { request: undefined; answer: Record<string, never> };
  'POST /authorities': { request: { path?: string; force: boolean }; answer: { files: string[] } };
  'POST /token': { request: RotateRequest; answer: { file: string } };
}

interface Complaint {
  message: string;
  hint?: string;
}

/** Lets commands on this machine speak to the server: by a socket that only root can open. */
export async function serveOperator(
  dataDir: string,
  services: OperatorServices,
): Promise<{ close(): Promise<void> }> {
  return await serveLocal(op, operatorSocket(dataDir), async (method, path, body) => {
    try {
      return { status: 200, body: await answer(`${method} ${path}`, body, services) };
    } catch (error) {
      const complaint: Complaint = {
        message: messageOf(error),
        ...(error instanceof SkiffError && error.hint !== undefined ? { hint: error.hint } : {}),
      };
      return { status: 400, body: complaint };
    }
  });
}

/** Asks the server on this machine; undefined when none runs with this data directory. */
export async function askOperator<C extends keyof OperatorCalls>(
  dataDir: string,
  call: C,
  request: OperatorCalls[C]['request'],
): Promise<OperatorCalls[C]['answer'] | undefined> {
  const [method = '', path = ''] = call.split(' ');
  const said = await askLocal(op, operatorSocket(dataDir), {
    method,
    path,
    body: request,
    timeoutMs: longestAnswerMs,
  });
  if (said === undefined) return undefined;
  if (said.status === 200) return said.body as OperatorCalls[C]['answer'];
  const { message, hint } = said.body as Complaint;
  throw new ConfigError(message, { op, ...(hint === undefined ? {} : { hint }) });
}

async function answer(
  call: string,
  body: unknown,
  services: OperatorServices,
): Promise<OperatorCalls[keyof OperatorCalls]['answer']> {
  const { node, snapshots, snapshotDir, secrets } = services;
  switch (call as keyof OperatorCalls) {
    case 'GET /about':
      return { node, snapshotDir, ...services.about() };
    case 'POST /snapshots': {
      if (!snapshots)
        throw new ConfigError('the datastore is kept elsewhere, and so are its backups', {
          op,
          hint: 'use the tools of that datastore',
        });
      const request = body as OperatorCalls['POST /snapshots']['request'];
      return await snapshots.save({
        ...request,
        prefix: checkPrefix(String(request.prefix)),
        dir: request.dir ?? snapshotDir,
        compress: request.compress === true,
      });
    }
    case 'GET /secrets':
      return await secrets.status();
    case 'POST /secrets': {
      const { change } = body as OperatorCalls['POST /secrets']['request'];
      if (change !== 'enable' && change !== 'disable' && change !== 'rotate')
        throw new ConfigError(`there is no change "${String(change)}"`, { op });
      await secrets.begin(change);
      return await secrets.status();
    }
    case 'POST /certificates':
      await services.credentials.renew();
      return {};
    case 'POST /authorities': {
      const { path, force } = body as OperatorCalls['POST /authorities']['request'];
      const request = { force: force === true, ...(path !== undefined && { path: String(path) }) };
      return { files: await services.credentials.rotateAuthorities(request) };
    }
    case 'POST /token':
      await services.rotateToken(body as RotateRequest);
      return { file: services.tokenFile };
  }
  throw new ConfigError(`the server does not know "${call}"`, {
    op,
    hint: 'is it of the same version as this command?',
  });
}
