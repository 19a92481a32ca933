import type { Binding } from '../../generated/types/core-v1.ts';
import { kind } from '../kind.ts';

export const binding = kind<Binding>({ group: '', kind: 'Binding' });
