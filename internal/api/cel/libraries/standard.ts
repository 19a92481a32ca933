import { Registry } from '../registry.ts';
import { addresses } from './addresses.ts';
import { conversions } from './conversions.ts';
import { formats } from './formats.ts';
import { lists } from './lists.ts';
import { operators } from './operators.ts';
import { quantities } from './quantities.ts';
import { strings } from './strings.ts';
import { times } from './times.ts';
import { urls } from './urls.ts';
import { versions } from './versions.ts';

let made: Registry | undefined;

/** Everything Kubernetes offers to expressions, made when first needed. */
export function standardRegistry(): Registry {
  if (made) return made;
  made = new Registry();
  for (const library of [
    operators,
    conversions,
    strings,
    times,
    lists,
    quantities,
    addresses,
    urls,
    formats,
    versions,
  ])
    library(made);
  return made;
}
