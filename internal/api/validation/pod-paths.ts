import type { Problems } from './problems.ts';

const fileModeRange = 'must be a number between 0 and 0777 (octal), both inclusive';

export function checkFileMode(problems: Problems, field: string, mode: number | undefined): void {
  if (mode !== undefined && (mode > 0o777 || mode < 0))
    problems.invalid(field, mode, fileModeRange);
}

export function checkNoBacksteps(problems: Problems, path: string, field: string): void {
  if (path.split('/').includes('..')) problems.invalid(field, path, "must not contain '..'");
}

export function checkDescendingPath(problems: Problems, path: string, field: string): void {
  if (path.startsWith('/')) problems.invalid(field, path, 'must be a relative path');
  checkNoBacksteps(problems, path, field);
}

/** A file below a volume; names that begin with two dots are the atomic writer's own. */
export function checkVolumeFilePath(problems: Problems, path: string, field: string): void {
  checkDescendingPath(problems, path, field);
  if (path.startsWith('..') && !path.startsWith('../'))
    problems.invalid(field, path, "must not start with '..'");
}
