import { expect, test } from 'vitest';
import { isProxyable } from './reachable.ts';

test.each([
  '10.42.0.7',
  '192.168.1.1',
  '100.64.0.1',
  '8.8.8.8',
  '2001:db8::1',
  'fd00:10:42::7',
  '::ffff:10.42.0.7',
])('%s may be reached', (address) => {
  expect(isProxyable(address)).toBe(true);
});

test.each([
  '127.0.0.1',
  '127.255.255.254',
  '0.0.0.0',
  '0.1.2.3',
  '169.254.169.254',
  '224.0.0.1',
  '239.1.1.1',
  '255.255.255.255',
  '::',
  '::1',
  '0:0:0:0:0:0:0:1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:169.254.169.254',
  'fe80::1',
  'fe80::1%lo',
  'febf::1',
  'ff02::1',
  '',
  'localhost',
  '127.1',
  '0x7f.0.0.1',
  '2130706433',
  '10.42.0.7:80',
  ' 10.42.0.7',
])('%s may not', (address) => {
  expect(isProxyable(address)).toBe(false);
});
