import { compileDeviceExpression, deviceValue } from '../../../api/cel-device.ts';
import type { Program } from '../../../api/cel/compile.ts';
import { Meter } from '../../../api/cel/evaluate.ts';
import type { MapValue } from '../../../api/cel/values.ts';
import type { DeviceSelector } from '../../../api/generated/types/resource-v1.ts';
import { messageOf } from '../../../base/errors.ts';
import type { PoolDevice } from './pools.ts';

/** CELSelectorExpressionMaxCost. */
const mostCost = 1_000_000;
/** Compiled expressions that are kept; most clusters have a handful. */
const mostPrograms = 256;

/** Asks selectors about devices. Compiled expressions and devices' values are kept. */
export class DeviceMatcher {
  readonly #programs = new Map<string, Program>();
  readonly #values = new WeakMap<object, MapValue>();

  /** Throws when an expression cannot be compiled or fails; `owner` names whose it is. */
  matches(
    { device, slice }: PoolDevice,
    selectors: readonly DeviceSelector[],
    owner: string,
  ): boolean {
    for (const [i, selector] of selectors.entries()) {
      if (!selector.cel)
        throw new Error(`${owner}: selector #${i}: CEL expression empty (unsupported selector?)`);
      const program = this.#compiled(selector.cel.expression, `${owner}: selector #${i}`);
      const value = this.#value(slice.spec.driver, device);
      try {
        if (
          program.evaluate((n) => (n === 'device' ? value : undefined), new Meter(mostCost)) !==
          true
        )
          return false;
      } catch (error) {
        throw new Error(`${owner}: selector #${i}: CEL runtime error: ${messageOf(error)}`, {
          cause: error,
        });
      }
    }
    return true;
  }

  #compiled(expression: string, owner: string): Program {
    const known = this.#programs.get(expression);
    if (known) return known;
    try {
      const program = compileDeviceExpression(expression);
      if (this.#programs.size >= mostPrograms) this.#programs.clear();
      this.#programs.set(expression, program);
      return program;
    } catch (error) {
      throw new Error(`${owner}: CEL compile error: ${messageOf(error)}`, { cause: error });
    }
  }

  #value(driver: string, device: PoolDevice['device']): MapValue {
    let value = this.#values.get(device);
    if (!value) this.#values.set(device, (value = deviceValue(driver, device)));
    return value;
  }
}
