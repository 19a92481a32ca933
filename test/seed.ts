import fc from 'fast-check';
import { testSeed } from '../internal/io/test-seed.ts';

/** Property tests take the same values in every run as well. */
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: testSeed() });
