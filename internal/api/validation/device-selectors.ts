import { Buffer } from 'node:buffer';
import type { Program } from '../cel/compile.ts';
import { compileDeviceExpression } from '../cel-device.ts';
import type { Declared } from '../cel/cost-size.ts';
import { CelCompileError } from '../cel/errors.ts';
import { estimateCost } from '../cel/estimate.ts';
import { showType } from '../cel/types.ts';
import type { DeviceSelector } from '../generated/types/resource-v1.ts';
import { checkMany } from './device-parts.ts';
import type { Problems } from './problems.ts';

const maxSelectors = 32;
const maxExpression = 10 * 1024;
const maxCost = 1_000_000;

/** How long all of it can get at most. */
const most = { names: 32, domain: 63, id: 32, value: 64 };
const byName = (items: Declared, others?: Declared): Declared => ({
  max: most.names,
  keys: { max: most.domain },
  items: { max: most.names, keys: { max: most.id }, items, ...(others && { others }) },
});
const sizes: Declared = {
  max: 0,
  fields: new Map<string, Declared>([
    ['driver', { max: most.domain }],
    ['attributes', byName({ max: most.value }, { max: most.value })],
    ['capacity', byName({ max: 0 })],
    ['allowMultipleAllocations', { max: 1 }],
  ]),
};

export function checkSelectors(
  problems: Problems,
  selectors: readonly DeviceSelector[] | undefined,
  path: string,
): void {
  checkMany(problems, selectors, path, {
    most: maxSelectors,
    each: ({ cel }, at) => {
      if (!cel) problems.required(`${at}.cel`);
      else checkExpression(problems, cel.expression ?? '', `${at}.cel.expression`);
    },
  });
}

function checkExpression(problems: Problems, expression: string, path: string): void {
  if (Buffer.byteLength(expression) > maxExpression) return problems.tooLong(path, maxExpression);
  let program: Program;
  try {
    program = compileDeviceExpression(expression);
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    return problems.invalid(path, expression, `compilation failed: ${error.message}`);
  }
  const { kind } = program.type;
  if (kind !== 'bool' && kind !== 'dyn' && kind !== 'param')
    return problems.invalid(
      path,
      expression,
      `must evaluate to bool or the unknown type, not ${showType(program.type)}`,
    );
  if (estimateCost(program.ast, program.checked, sizes) > maxCost)
    problems.forbidden(path, 'too complex, exceeds cost limit');
}
