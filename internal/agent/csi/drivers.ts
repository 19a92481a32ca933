import type { CsiCalls } from '../../wire/csi/csi.ts';
import type { DriverCalls, DriverConnection } from './driver.ts';

/** A driver of volumes that has registered with this node. */
export interface Driver {
  name: string;
  calls: DriverCalls;
  /** What its node half can do (`nodeCapability`); asked for once in its life. */
  can(capability: number): Promise<boolean>;
}

interface Registered extends Driver {
  /** The socket in plugins_registry that it came by. */
  by: string;
  connection: DriverConnection;
}

/** The drivers that are registered now. */
export class Drivers {
  readonly #drivers = new Map<string, Registered>();
  readonly #listeners = new Set<(name: string) => void>();

  /** Throws the text of an event when there is none of this name. */
  get(name: string): Driver {
    const driver = this.#drivers.get(name);
    if (!driver)
      throw new Error(
        `kubernetes.io/csi: driver name ${name} not found in the list of registered CSI drivers`,
      );
    return driver;
  }

  /** The socket that a driver of this name came by. */
  cameBy(name: string): string | undefined {
    return this.#drivers.get(name)?.by;
  }

  add(name: string, by: string, connection: DriverConnection): void {
    this.#drivers.get(name)?.connection.close();
    const { calls } = connection;
    this.#drivers.set(name, { name, by, connection, calls, can: capabilitiesOf(calls) });
    for (const listener of this.#listeners) listener(name);
  }

  remove(name: string): void {
    this.#drivers.get(name)?.connection.close();
    this.#drivers.delete(name);
  }

  /** Calls `added` whenever a driver has come. */
  onAdded(added: (name: string) => void): void {
    this.#listeners.add(added);
  }

  close(): void {
    for (const name of this.#drivers.keys()) this.remove(name);
  }
}

function capabilitiesOf(calls: DriverCalls): Driver['can'] {
  let asked: Promise<CsiCalls['nodeGetCapabilities']['response']> | undefined;
  return async (capability) => {
    asked ??= calls.nodeGetCapabilities({});
    try {
      const { capabilities } = await asked;
      return capabilities.some(({ rpc }) => rpc?.type === capability);
    } catch (error) {
      asked = undefined;
      throw error;
    }
  };
}
