import fc from 'fast-check';
import { testSeed } from '../internal/io/test-seed.ts';

/**
 * Less than a test may take: on a machine that is busy with other things a property is held to
 * fewer values, and does not fail for that.
 */
const propertyMs = 40_000;

/** Property tests take the same values in every run as well. */
fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  seed: testSeed(),
  interruptAfterTimeLimit: propertyMs,
});
