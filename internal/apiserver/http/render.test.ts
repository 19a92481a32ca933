import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { parseJson } from '../../api/codec/json-text.ts';
import { negotiate } from './negotiate.ts';
import { renderJson } from './render.ts';

test.each(['application/yaml', 'application/json'])(
  'numbers that a double cannot hold stay what they are: %s',
  (accept) => {
    const text =
      '{"free":{"":9007199254740993,"less":-9223372036854775808,"text":"9007199254740993",' +
      '"small":5}}';
    const { body } = renderJson(
      parseJson(text),
      negotiate(accept, { table: false, partial: false, protobuf: false, list: false }),
    );
    expect(body.toString()).toContain('9007199254740993');
    expect(body.toString()).toContain('-9223372036854775808');
    expect(load(body.toString())).toMatchObject({ free: { text: '9007199254740993', small: 5 } });
  },
);
