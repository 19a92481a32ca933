import { SkiffError } from '../../base/errors.ts';

/** One complaint about a source text, where it was found. */
export interface Issue {
  at: number;
  message: string;
}

/** `ERROR: <input>:1:5: ...` with the line and a pointer below it, as cel-go shows it. */
function showIssue(source: string, issue: Issue): string {
  const before = source.slice(0, issue.at);
  const line = before.split('\n').length;
  const start = before.lastIndexOf('\n') + 1;
  const column = Array.from(source.slice(start, issue.at)).length;
  const text = source.split('\n')[line - 1] ?? '';
  return (
    `ERROR: <input>:${line}:${column + 1}: ${issue.message}\n | ${text.replaceAll('\t', ' ')}\n` +
    ` | ${'.'.repeat(column)}^`
  );
}

/** The text is not an expression, or cannot be meant. */
export class CelCompileError extends SkiffError {
  readonly issues: readonly Issue[];

  constructor(source: string, issues: readonly Issue[]) {
    super(
      issues
        .toSorted((a, b) => a.at - b.at)
        .map((issue) => showIssue(source, issue))
        .join('\n'),
      { code: 'CelCompile', op: 'cel.compile' },
    );
    this.issues = issues;
  }
}

/**
 * An expression that cannot be evaluated for these values. `||`, `&&`, all and exists may absorb
 * it.
 */
export class CelError extends SkiffError {
  constructor(message: string) {
    super(message, { code: 'CelEvaluation', op: 'cel.evaluate' });
  }
}

/** More work than the caller allows. Nothing absorbs it. */
export class CelBudgetError extends SkiffError {
  constructor() {
    super('operation cancelled: actual cost limit exceeded', {
      code: 'CelBudget',
      op: 'cel.evaluate',
    });
  }
}

export const noOverload = (name: string): CelError => new CelError(`no such overload: ${name}`);
