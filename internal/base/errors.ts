/**
 * The one root of every error skiff throws on purpose. `code` is stable; `hint` says what the
 * operator does next.
 */
export class SkiffError extends Error {
  readonly code: string;
  readonly op: string;
  readonly hint: string | undefined;

  constructor(
    message: string,
    options: { code: string; op: string; hint?: string; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code;
    this.op = options.op;
    this.hint = options.hint;
  }
}

/** A wrong flag, configuration file or environment: one line and exit status 1. */
export class ConfigError extends SkiffError {
  constructor(message: string, options: { op: string; hint?: string; cause?: unknown }) {
    super(message, { code: 'CONFIG', ...options });
  }
}

/** An effect (disk, network, process) that failed. */
export class IoError extends SkiffError {
  constructor(
    message: string,
    options: { op: string; code?: string; hint?: string; cause?: unknown },
  ) {
    super(message, { code: 'IO', ...options });
  }
}

/** A broken promise inside the program: never caught, always a crash with its name. */
export class InvariantError extends SkiffError {
  constructor(message: string, op: string) {
    super(message, { code: 'INVARIANT', op });
  }
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
