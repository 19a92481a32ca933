import { messageOf } from '../../base/errors.ts';
import { StoreError } from '../errors.ts';

/** A statement that has no answer: it may have been carried out, or be carried out yet. */
export class ConnectionLost extends Error {}

/**
 * What `pg` throws: an answer of the server has `severity`, everything else is about the
 * connection.
 */
interface PgFailure {
  code?: string;
  severity?: string;
  message: string;
}

/** True when a server said it. */
export const isAnswer = (error: unknown): boolean => (error as PgFailure).severity !== undefined;

/** True when the server said definitely that the statement did nothing, and lives on. */
export function isDefinite(error: unknown): boolean {
  const failure = error as PgFailure;
  // A server that ends a connection may do so behind a commit that it had already made.
  // One that takes no writes any more became a standby: another host is the one now.
  return (
    isAnswer(error) &&
    !['FATAL', 'PANIC'].includes(failure.severity ?? '') &&
    !/^(08|57P|25006)/.test(failure.code ?? '')
  );
}

/** True for what may be better a little later. */
export function mayPass(error: unknown): boolean {
  const { code = '' } = error as PgFailure;
  return !isAnswer(error) ? !isTlsTrouble(error) : /^(53300|57P0[123]|25006|08|58)/.test(code);
}

/** True when the server and we cannot agree on whether to encrypt. */
export function refusesEncryption(error: unknown): boolean {
  const { code = '', message } = error as PgFailure;
  return code === '28000' || /does not support SSL/.test(message);
}

function isTlsTrouble(error: unknown): boolean {
  const { code = '', message } = error as PgFailure;
  return (
    /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO)/.test(code) ||
    /does not support SSL|SSL connection|certificate/i.test(message)
  );
}

/**
 * Why no connection can be made, in words that say what to do. `where` names the server without its
 * password.
 */
export function unreachable(error: unknown, where: string): StoreError {
  if (error instanceof StoreError && error.hint === undefined && error.code === 'CORRUPT') {
    return new StoreError('CORRUPT', `${where}: ${error.message}`, {
      op: 'open',
      cause: error,
      hint:
        'nothing was changed; restore a backup of the database, or keep a copy of it and ask ' +
        'for help',
    });
  }
  if (error instanceof StoreError) return error;
  const { code = '' } = error as PgFailure;
  const failed = (message: string, hint: string): StoreError =>
    new StoreError('UNAVAILABLE', message, { op: 'open', cause: error, hint });
  const said = messageOf(error) || code;
  if (code === '28P01' || /password/i.test(said))
    return failed(
      `${where} refuses the password: ${said}`,
      'check user and password in --datastore-endpoint; characters such as @ : / % in a ' +
        'password are written as %40 %3A %2F %25',
    );
  if (code === '28000')
    return failed(
      `${where} refuses the connection: ${said}`,
      "check the server's pg_hba.conf, and sslmode in --datastore-endpoint",
    );
  if (code === '3D000')
    return failed(`${where}: ${said}`, 'make the database, or allow the user to make it');
  if (code === '42501')
    return failed(
      `${where}: ${said}`,
      'the user must own the database, or may create tables in its first schema',
    );
  if (code === '42704') return failed(`${where}: ${said}`, 'PostgreSQL 12 or newer is needed');
  if (isTlsTrouble(error))
    return failed(
      `${where}: no secure connection: ${said}`,
      'check sslmode in --datastore-endpoint, --datastore-cafile, --datastore-certfile and ' +
        '--datastore-keyfile',
    );
  return failed(
    `cannot reach ${where}: ${said}`,
    'check that the server runs, its address in --datastore-endpoint, and what lies between',
  );
}

/** What a definite answer means to the writer. */
export function refused(error: unknown, op: string): StoreError {
  if (error instanceof StoreError) return error;
  const { code = '' } = error as PgFailure;
  const said = messageOf(error);
  if (code === '53100' || code === '54000')
    return new StoreError('NO_SPACE', `PostgreSQL: ${said}`, {
      op,
      cause: error,
      hint: "make room on the database server's disk",
    });
  return new StoreError('UNAVAILABLE', `PostgreSQL: ${code} ${said}`, {
    op,
    cause: error,
    hint: "look at the database server's log",
  });
}

export const unknownOutcome = (cause: unknown): StoreError =>
  new StoreError(
    'UNAVAILABLE',
    'the connection to PostgreSQL was lost during a commit: the write may or may not have happened',
    { op: 'commit', cause, hint: 'read before writing again' },
  );
